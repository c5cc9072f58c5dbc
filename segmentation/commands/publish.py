"""`segmentation publish`: segments and their model to a snapshot."""

import argparse
import json
from datetime import UTC, date, datetime

from contract.errors import BadInputError
from contract.snapshot import METRICS
from segmentation.commands import closing
from segmentation.commands.given import model_files, store_named
from segmentation.contents import contents_of
from segmentation.since import since_last
from segmentation.snapshot.publish import publish_over


def run(args: argparse.Namespace) -> int:
    """Publish segments with the model that gave them."""
    store = store_named(args)
    served_before = store.current()
    files = model_files(args.model)
    try:
        metrics = json.loads(files.pop(METRICS))
    except ValueError as error:
        raise BadInputError(f"{METRICS} of the model is damaged; `segmentation fit` writes it.") from error
    as_of = date.fromisoformat(metrics["parameters"]["as_of"])
    model = metrics.get("model", {}).get("id")
    if served_before and (moved := since_last(store, as_of, args.segments, model)):
        metrics["movement"] = moved
    contents = contents_of(args.segments, files, metrics)
    print(closing.SERVED.format(id=publish_over(served_before, contents, store, datetime.now(UTC))))
    return 0
