"""A hundred publishes to S3 under random faults: whatever happens, what is served must be whole.

    python -m benchmarks.s3_faults

Each kind of fault meets from one to ten requests in twenty, chosen by a seed. A run is in doubt when S3's answer to
the switch was lost for good, and it says so.
"""

import logging
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from fault_plans import Fault, at_random
from fault_runs import Outcome, attempts
from faults import faulty_proxy
from s3_servers import moto_server

RUNS = 100
FAULTS = [fault for fault in Fault if fault is not Fault.CONFLICT]  # S3 says it of conditional writes only


def run() -> dict[Fault, list[Outcome]]:
    """Publish under every kind of fault in turn, and return what came of it."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    plans = [at_random(seed, (seed % 10 + 1) / 20, FAULTS[seed % len(FAULTS)]) for seed in range(RUNS)]
    with moto_server() as server, faulty_proxy(server.endpoint) as proxy:
        found = attempts(server, proxy, "bench", plans)
    return {fault: found[place :: len(FAULTS)] for place, fault in enumerate(FAULTS)}


def main() -> int:
    """Print a line for each kind of fault; end with 1 if anything broken was served, or anything lost in silence."""
    print(f"{'fault':<70} {'requests':>8} {'runs':>5} {'succeeded':>9} {'refused':>8} {'in doubt':>8} {'unsound':>8}")
    unsound = 0
    for fault, outcomes in run().items():
        met = sum(len(outcome.disturbed) for outcome in outcomes)
        done = sum(outcome.error is None for outcome in outcomes)
        doubt = sum(outcome.is_in_doubt() for outcome in outcomes)
        broken = sum(not (outcome.is_sound() and outcome.repaired) for outcome in outcomes)
        refused = len(outcomes) - done - doubt
        print(f"{fault:<70} {met:>8} {len(outcomes):>5} {done:>9} {refused:>8} {doubt:>8} {broken:>8}")
        unsound += broken
    return int(unsound > 0)


if __name__ == "__main__":
    sys.exit(main())
