"""Release a commit's images to the stack, look whether it serves, run the batch, or go back.

python -m ecs.deploy release --tag COMMIT
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from botocore.exceptions import BotoCoreError, ClientError

from ecs import batch, rollout, smoke, tasks
from ecs.stack import DeployError, read_stack

NOT_RUNNING = "The stack does not run the service yet: its parameter Running is no."


def _outputs(arguments: argparse.Namespace) -> int:
    for name, value in sorted(read_stack(arguments.stack).outputs.items()):
        _tell(f"{name}={value}")
    return 0


def _release(arguments: argparse.Namespace) -> int:
    """Register the service and let it prove itself before the batch follows: a commit goes out whole or not at all."""
    stack = read_stack(arguments.stack)
    service = tasks.register("service", stack, arguments.tag)
    _tell(f"Registered {tasks.short(service)}")
    if stack.runs:
        try:
            rollout.roll_out(stack, service, arguments.timeout, arguments.interval)
        except rollout.RolledBackError:
            tasks.withdraw(service)
            raise
        _tell(f"The service runs {tasks.short(service)}")
    else:
        _tell(NOT_RUNNING)
    _tell(f"Registered {tasks.short(tasks.register('batch', stack, arguments.tag))}")
    return 0


def _rollback(arguments: argparse.Namespace) -> int:
    """Withdraw the newest image's revisions of a part; the service first moves to the revision before them."""
    stack = read_stack(arguments.stack)
    bad, good = tasks.way_back(arguments.part, stack)
    if arguments.part == "service" and rollout.served(stack) != good.arn:
        rollout.roll_out(stack, good.arn, arguments.timeout, arguments.interval)
    for revision in bad:
        tasks.withdraw(revision.arn)
        _tell(f"Withdrew {revision}")
    _tell(f"{good} is the newest again")
    return 0


def _smoke(arguments: argparse.Namespace) -> int:
    url = arguments.url
    if url is None:
        stack = read_stack(arguments.stack)
        if not stack.runs:
            _tell(NOT_RUNNING)
            return 0
        url = stack["ServiceUrl"]
    if not url.startswith(("http://", "https://")):
        raise DeployError(f"{url} is no http or https URL.")
    key = os.environ.get("MENAGERIE_SMOKE_KEY")
    snapshot = smoke.look_up(url.rstrip("/"), arguments.user_id, key, arguments.timeout, arguments.interval)
    _tell(f"{url} answers from snapshot {snapshot}")
    return 0


def _batch(arguments: argparse.Namespace) -> int:
    return batch.run(read_stack(arguments.stack), arguments.command, arguments.timeout, arguments.interval, _tell)


def _tell(line: str) -> None:
    print(line, flush=True)


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    whole = argparse.ArgumentParser(prog="python -m ecs.deploy", description=__doc__)
    whole.add_argument(
        "--stack",
        default=os.environ.get("MENAGERIE_STACK", "menagerie"),
        help="the stack's name (default: MENAGERIE_STACK, or menagerie)",
    )
    verbs = whole.add_subparsers(required=True, metavar="VERB")

    def verb(name: str, run: Callable[[argparse.Namespace], int], says: str, timeout_s: int) -> argparse.ArgumentParser:
        one = verbs.add_parser(name, help=says, description=says)
        one.set_defaults(run=run)
        if timeout_s:
            one.add_argument("--timeout", type=float, default=timeout_s, metavar="S", help="seconds (%(default)s)")
            one.add_argument("--interval", type=float, default=5, metavar="S", help="between looks (%(default)s)")
        return one

    verb("outputs", _outputs, "Print the stack's outputs, Name=value a line.", 0)
    release = verb("release", _release, "Register the task definitions and update the service.", 1800)
    release.add_argument("--tag", required=True, help="the images' tag: the commit")
    one = verb("smoke", _smoke, "Look a client up; the API key comes in MENAGERIE_SMOKE_KEY.", 60)
    one.add_argument("--url", help="of the service (default: the stack's ServiceUrl)")
    one.add_argument("--user-id", type=int, help="a client's (default: one who does not exist)")
    one = verb("batch", _batch, "Run a command of segmentation as a task; exit as it does.", 3000)
    one.add_argument("command", nargs="+", help="after --, such as: -- run --as-of 2020-04-30")
    one = verb("rollback", _rollback, "Go back to the image before, and withdraw the newest one's revisions.", 1800)
    one.add_argument("part", choices=("service", "batch"))
    return whole


def main(argv: Sequence[str] | None = None) -> int:
    """Run a verb and return the exit code: 0 done, 1 failed, 2 wrong usage; of `batch` the task's own."""
    arguments = parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except (DeployError, ClientError, BotoCoreError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
