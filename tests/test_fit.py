"""Fitting on a sample: which clients it has, and that what is said of everyone is of all of them."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from kinds import some_clients

from contract.errors import BadInputError
from segmentation.features.columns import SCHEMA
from segmentation.model.assign import assign
from segmentation.model.files import dump
from segmentation.model.fit import Fitted, fit, sample
from segmentation.model.inputs import INPUT_NAMES, matrix
from segmentation.model.profiles import profile
from segmentation.tools.parts import CHUNK_ROWS, StoredTable, chunks

MOST = 500


@pytest.fixture(scope="module")
def clients() -> pa.Table:
    shuffled = np.random.default_rng(4).permutation(7 * 120)
    return some_clients(120).drop_columns("user_id").take(shuffled).add_column(0, "user_id", [np.arange(7 * 120)])


@pytest.fixture(scope="module")
def fitted(clients: pa.Table) -> Fitted:
    return fit(clients, seed=1, most=MOST)


def numbered(number: int) -> pa.Table:
    """Return clients whose value is their place in the table."""
    alike = some_clients(1).take(np.zeros(number, dtype=np.int64))
    place = SCHEMA.get_field_index("total_purchase_value")
    return alike.set_column(place, "total_purchase_value", [np.arange(number, dtype=np.float64)])


def drawn(clients: pa.Table | StoredTable, most: int, seed: int) -> list[float]:
    values: list[float] = sample(clients, most, seed)[:, INPUT_NAMES.index("total_purchase_value")].tolist()
    return values


def in_parts(clients: pa.Table, folder: Path, *cuts: int) -> StoredTable:
    folder.mkdir()
    for number, (start, end) in enumerate(zip((0, *cuts), (*cuts, clients.num_rows), strict=True)):
        pq.write_table(clients.slice(start, end - start), folder / f"part-{number}.parquet", row_group_size=1 + number)
    (folder / "_SUCCESS").touch()
    return StoredTable(folder, SCHEMA, "features")


def test_the_sample_is_drawn_from_the_whole_table_without_replacement() -> None:
    number = 2 * CHUNK_ROWS + 10_000
    clients = numbered(number)
    values = drawn(clients, 10_000, seed=3)
    assert values == sorted(set(values))
    by_tenth = np.histogram(values, bins=10, range=(0, number))[0]
    assert by_tenth.sum() == 10_000
    assert np.square(by_tenth - 1000).sum() / 1000 < 28  # chi-square, nine degrees of freedom: one seed in a thousand
    assert drawn(clients, 10_000, seed=3) == values
    assert drawn(clients, 10_000, seed=4) != values


def test_all_clients_are_the_sample_when_there_are_no_more(clients: pa.Table) -> None:
    for most in (840, 1_000_000):
        np.testing.assert_array_equal(sample(clients, most, seed=1), matrix(clients))


@pytest.mark.slow
def test_the_model_is_the_same_however_the_clients_are_stored(
    clients: pa.Table, fitted: Fitted, tmp_path: Path
) -> None:
    pq.write_table(clients, tmp_path / "one.parquet", row_group_size=77)
    for stored in (
        StoredTable(tmp_path / "one.parquet", SCHEMA, "features"),
        in_parts(clients, tmp_path / "parts", 1, 400, 500),
    ):
        again = fit(stored, seed=1, most=MOST)
        assert dump(again.model) == dump(fitted.model)
        assert again.metrics == fitted.metrics


def test_what_is_said_of_everyone_is_of_all_clients(clients: pa.Table, fitted: Fitted) -> None:
    metrics, segments = fitted.metrics, assign(fitted.model, clients)
    assert (metrics["clients"], metrics["sample_clients"]) == (840, MOST)
    assert metrics["everyone"] == profile(clients)
    assert metrics["held_out"]["clients"] == pytest.approx(MOST / 5, abs=4)
    sizes = np.bincount(segments["cluster"].to_numpy(), minlength=len(fitted.model.centres)).tolist()
    assert [cluster["clients"] for cluster in metrics["clusters"]] == sizes
    leaves = fitted.model.tree.apply(matrix(clients)).tolist()
    assert metrics["tree"]["clients_by_leaf"] == [leaves.count(leaf) for leaf in fitted.model.tree.leaves]
    assert metrics["agreement"] == segments["agrees"].to_numpy().mean()


def test_a_model_of_all_clients_says_nothing_of_a_sample(clients: pa.Table) -> None:
    assert "sample_clients" not in fit(clients, seed=1).metrics


@pytest.mark.parametrize("rows", [1, 7, 400, 1000])
def test_chunks_are_of_one_size_whatever_the_parts(clients: pa.Table, tmp_path: Path, rows: int) -> None:
    stored = in_parts(clients, tmp_path / "parts", 3, 400)
    found = list(chunks(stored, SCHEMA.names, rows))
    assert {len(chunk) for chunk in found[:-1]} <= {rows}
    assert 0 < len(found[-1]) <= rows
    assert pa.concat_tables(found).equals(clients.cast(SCHEMA))
    assert stored.num_rows == 840
    assert stored["most_active_day"].to_pylist() == clients["most_active_day"].to_pylist()


@pytest.mark.parametrize("column", ["avg_price_7m", "most_active_day"])
def test_a_table_that_lacks_a_column_or_a_value_is_refused(clients: pa.Table, tmp_path: Path, column: str) -> None:
    file = tmp_path / "mine.parquet"
    pq.write_table(clients.drop_columns(column), file)
    with pytest.raises(BadInputError, match=f"mine.parquet is not what `segmentation features` writes: .*{column}"):
        StoredTable(file, SCHEMA, "features")

    place = SCHEMA.get_field_index(column)
    holes = pa.nulls(840, SCHEMA.field(column).type)
    pq.write_table(clients.set_column(place, column, holes), file)
    stored = StoredTable(file, SCHEMA, "features")
    for read in (lambda: stored[column], lambda: list(chunks(stored, SCHEMA.names))):
        with pytest.raises(BadInputError, match=column):
            read()
