"""Look up what the locks pin in PyPI's advisories: ends with 1 where something is known, and says how much it could do.

.venv-infra/bin/python .ci/audit.py requirements.txt ...
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

AUDIT = Path(sys.executable).with_name("pip-audit")


def looked_up(lock: str) -> list[dict[str, Any]]:
    """Return what pip-audit says of each package of a lock; nothing where it could not ask."""
    command = [AUDIT, "--disable-pip", "--require-hashes", "--format=json", "--progress-spinner=off", "-r", lock]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return []
    return found


def main(locks: list[str]) -> int:
    """Print what is known of each lock's packages."""
    known, asked, unasked = set(), set(), set()
    for lock in locks:
        packages = looked_up(lock)
        if not packages:
            print(f"{lock}: NOTHING WAS LOOKED UP, because PyPI does not answer.")
        for package in packages:
            name = f"{package['name']} {package.get('version', '')}".strip()
            (unasked if "skip_reason" in package else asked).add(name)
            known |= {f"{name}: {found['id']}, mended in {found['fix_versions']}" for found in package.get("vulns", [])}
    print(f"{len(asked)} packages looked up, {len(known)} known vulnerabilities.")
    if unasked - asked:
        print(f"{len(unasked - asked)} PACKAGES NOT LOOKED UP: PyPI, as it is reached from here, does not know them.")
    print("\n".join(sorted(known)), end="\n" if known else "")
    return int(bool(known))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
