"""The simulated shop: what it must be like, told in figures, and that what was planted can be found again."""

# ruff: noqa: S608 (the queries are put together from literals of this file)

import gzip
import shlex
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score, roc_auc_score, silhouette_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from contract.errors import WrongUsageError
from segmentation.ingest.events import COLUMNS
from segmentation.model.personas import PERSONA_NAMES
from segmentation.tools.progress import Silent
from simulator import Shop, simulate
from simulator.behaviours import BEHAVIOURS
from simulator.cli import main, parser
from simulator.files import LIVES, TRUTH
from simulator.kinds import KINDS, OF_KINDS
from simulator.months import MONTH_NAMES, MONTH_STARTS, REAL_MONTHS
from simulator.shop import FORMATS

DATA = Path(__file__).parent.parent / "data"
CLIENTS = 2_000
NAMES = [MONTH_NAMES[month] for month in REAL_MONTHS]
SMALL = Shop(60, seed=3, visitors_per_client=2)

FEATURES = """
    SELECT user_id,
      {counts},
      ln(1 + date_diff('day', max(event_time) FILTER (event_type = 'purchase'), TIMESTAMP '2020-04-30')),
      ln(sum(price) FILTER (event_type = 'purchase')),
      ln(avg(price) FILTER (event_type = 'purchase'))
    FROM events SEMI JOIN truth USING (user_id) GROUP BY user_id ORDER BY user_id
""".format(
    counts=", ".join(
        f"ln(1 + count({what}) FILTER (event_time >= DATE '{since}'{kind}))"
        for since in ("2020-03-01", "2019-12-01", "2019-10-01")
        for what, kind in (
            ("*", " AND event_type = 'view'"),
            ("*", " AND event_type = 'cart'"),
            ("*", " AND event_type = 'purchase'"),
            ("DISTINCT user_session", ""),
        )
    )
)


class Database:
    """A simulated shop's files as DuckDB tables: `rows` as written, `events` without duplicates, `truth`."""

    def __init__(self, folder: Path) -> None:
        self._connection = duckdb.connect()
        self._connection.execute(f"CREATE TABLE rows AS FROM '{folder}/*.parquet'")
        self._connection.execute("CREATE TABLE events AS SELECT DISTINCT * FROM rows")
        self._connection.execute(f"CREATE TABLE truth AS FROM read_csv('{folder / TRUTH}')")

    def rows(self, query: str) -> list[Any]:
        return list(self._connection.execute(query).fetchall())

    def number(self, query: str) -> float:
        return float(self.rows(query)[0][0])

    @cached_property
    def _features(self) -> Any:
        return StandardScaler().fit_transform(np.array(self.rows(FEATURES))[:, 1:])

    def clusters(self, k: int) -> tuple[float, float]:
        """Return the adjusted Rand index against the truth and the silhouette of k-means on log features."""
        truth = [name for (name,) in self.rows("SELECT behaviour FROM truth ORDER BY user_id")]
        scaled = self._features
        found = KMeans(k, n_init=3, random_state=0).fit_predict(scaled)
        return adjusted_rand_score(truth, found), silhouette_score(scaled, found, sample_size=1000, random_state=0)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Database:
    out = tmp_path_factory.mktemp("shop")
    simulate(Shop(CLIENTS, seed=1, format="parquet"), out, Silent())
    return Database(out)


@pytest.fixture(scope="module")
def separable(tmp_path_factory: pytest.TempPathFactory) -> Database:
    out = tmp_path_factory.mktemp("separable")
    simulate(Shop(CLIENTS, seed=1, visitors_per_client=0, overlap=0, format="parquet"), out, Silent())
    return Database(out)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("small")
    simulate(SMALL, out, Silent())
    return out


def contents(folder: Path) -> dict[str, bytes]:
    """Return what each file says, uncompressed, by its path in the folder."""

    def files() -> Iterator[tuple[str, bytes]]:
        for path in sorted(folder.rglob("*.*")):
            text = path.read_bytes()
            yield str(path.relative_to(folder)), gzip.decompress(text) if path.suffix == ".gz" else text

    return dict(files())


# The files


def test_there_is_a_file_for_each_month_and_the_truth(small: Path) -> None:
    assert set(contents(small)) == {f"{name}.csv.gz" for name in NAMES} | {str(TRUTH)}


def test_equal_settings_give_equal_bytes(small: Path, tmp_path: Path) -> None:
    simulate(SMALL, tmp_path, Silent())
    for path in small.rglob("*.gz"):
        assert (tmp_path / path.relative_to(small)).read_bytes() == path.read_bytes()


def test_another_seed_gives_other_events(small: Path, tmp_path: Path) -> None:
    simulate(Shop(60, seed=4, visitors_per_client=2), tmp_path, Silent())
    assert contents(tmp_path)["2019-Oct.csv.gz"] != contents(small)["2019-Oct.csv.gz"]


def test_rows_look_like_the_real_ones(small: Path) -> None:
    header, first, *_ = contents(small)["2019-Oct.csv.gz"].decode().splitlines()
    assert header == ",".join(COLUMNS)
    fields = dict(zip(COLUMNS, first.split(","), strict=True))
    assert fields["event_time"].startswith("2019-10-01 ")
    assert fields["event_time"].endswith(" UTC")
    assert len(fields["event_time"]) == 23
    assert fields["price"][-3] == "."
    assert [len(part) for part in fields["user_session"].split("-")] == [8, 4, 4, 4, 12]


def test_only_the_last_line_of_the_last_file_is_truncated_in_the_middle_of_a_field(small: Path) -> None:
    for name, text in contents(small).items():
        lines = text.decode().split("\n")
        last = lines.pop()
        widths = {line.count(",") + 1 for line in lines}
        if name == "2020-Apr.csv.gz":
            assert widths == {9}
            assert last.count(",") == 7
            assert lines[-1].startswith(last)
            assert lines[-1][len(last)].isdigit()
        else:
            assert last == ""
            assert len(widths) == 1


def test_every_format_carries_the_same_events(small: Path, tmp_path: Path) -> None:
    simulate(Shop(60, seed=3, visitors_per_client=2, format="csv"), tmp_path / "csv", Silent())
    simulate(Shop(60, seed=3, visitors_per_client=2, format="parquet"), tmp_path / "parquet", Silent())
    plain = contents(tmp_path / "csv")
    for name in NAMES:
        assert plain[f"{name}.csv"] == contents(small)[f"{name}.csv.gz"]
        table = duckdb.sql(
            f"SELECT strftime(event_time, '%Y-%m-%d %H:%M:%S UTC') AS event_time, event_type, product_id, category_id,"
            f" coalesce(category_code, ''), coalesce(brand, ''), format('{{:.2f}}', price), user_id, user_session"
            f" FROM '{tmp_path}/parquet/{name}.parquet'"
        )
        rows = [",".join(map(str, row)) for row in table.fetchall()]
        text = plain[f"{name}.csv"].decode().split("\n")
        assert rows == text[1:-1]


def test_events_are_in_the_month_of_their_file_and_nearly_in_order(small: Path) -> None:
    for number, name in enumerate(NAMES):
        lines = contents(small)[f"{name}.csv.gz"].decode().split("\n")[1:-1]
        assert {line[5:7] for line in lines} == {f"{(number + 9) % 12 + 1:02d}"}
        times = [line[:19] for line in lines]
        assert times == sorted(times)


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(WrongUsageError, match="not empty"):
        simulate(SMALL, tmp_path, Silent())
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    "setting",
    [
        {"clients": 0},
        {"seed": -1},
        {"visitors_per_client": -0.1},
        {"browsing": 0},
        {"overlap": 1.01},
        {"format": "xlsx"},
        {"clients": 2**31},
        {"browsing": float("nan")},
    ],
)
def test_a_setting_out_of_range_is_refused(setting: dict[str, Any]) -> None:
    with pytest.raises(WrongUsageError, match=next(iter(setting)).replace("_", "-")):
        Shop(**({"clients": 1} | setting))


def test_the_smallest_shop_has_one_client(tmp_path: Path) -> None:
    summary = simulate(Shop(1, visitors_per_client=0, format="parquet"), tmp_path, Silent())
    assert (summary.users, summary.clients) == (1, 1)
    assert Database(tmp_path).number("SELECT count(DISTINCT user_id) FROM events") == 1


# The calibration: figures of the real shop, within the tolerance that 2,000 clients allow


@pytest.mark.parametrize(
    ("query", "real", "tolerance"),
    [
        ("SELECT 1 - count(*) / (SELECT count(*) FROM rows) FROM events", 0.00336, 0.0006),
        ("SELECT avg((event_type = 'view')::INT) FROM events", 0.939, 0.01),
        ("SELECT avg((event_type = 'cart')::INT) FROM events", 0.0445, 0.005),
        ("SELECT avg((event_type = 'purchase')::INT) FROM events", 0.0163, 0.002),
        ("SELECT count(*) / count(DISTINCT user_id) FROM events", 26.2, 2.5),
        ("SELECT count(DISTINCT user_session) / count(DISTINCT user_id) FROM events", 5.74, 0.5),
        ("SELECT avg((category_code IS NULL)::INT) FROM events", 0.33, 0.04),
        ("SELECT avg((brand IS NULL)::INT) FROM events", 0.14, 0.03),
        ("SELECT avg(bought::INT) FROM sessions", 0.061, 0.006),
        ("SELECT 1 - avg(bought::INT) FROM sessions WHERE carted", 0.54, 0.04),
        ("SELECT avg(r) FROM clients", 89.6, 5),
        ("SELECT avg(f) FROM clients", 3.24, 0.3),
        ("SELECT avg(m) FROM clients", 996, 80),
        ("SELECT avg((f = 1)::INT) FROM clients", 0.40, 0.05),
        ("SELECT sum(m) FILTER (behaviour = 'big_spending_regulars') / sum(m) FROM clients", 0.414, 0.04),
        ("SELECT avg(m) FROM clients WHERE behaviour = 'big_spending_regulars'", 3118, 200),
    ],
)
def test_the_shop_is_like_the_real_one(shop: Database, query: str, real: float, tolerance: float) -> None:
    views = """
        WITH sessions AS (
          SELECT bool_or(event_type = 'purchase') bought, bool_or(event_type = 'cart') carted
          FROM events GROUP BY user_session),
        clients AS (
          SELECT user_id, behaviour, count(*) f, sum(price) m, min(date_diff('day', event_time, DATE '2020-04-30')) r
          FROM events JOIN truth USING (user_id) WHERE event_type = 'purchase' GROUP BY ALL)
    """
    assert shop.number(views + query) == pytest.approx(real, abs=tolerance)


def test_prices_have_cents_a_hard_ceiling_and_some_zeros(shop: Database) -> None:
    [(low, high, zeros, uneven)] = shop.rows("""
        SELECT min(price) FILTER (price > 0), max(price), avg((price = 0)::INT),
          count(*) FILTER (abs(price * 100 - round(price * 100)) > 1e-6) FROM events""")
    assert low >= 0.79
    assert high == 2574.07
    assert 0 < zeros < 0.002
    assert uneven == 0
    assert shop.number("SELECT count(*) FROM events WHERE price = 0 AND event_type <> 'view'") == 0


def test_the_day_of_the_gap_has_a_tenth_of_a_normal_day_and_no_other_has(shop: Database) -> None:
    days = dict(shop.rows("SELECT event_time::DATE::VARCHAR, count(*) FROM events GROUP BY 1"))
    median = np.median(list(days.values()))
    assert len(days) == 213
    assert 0.04 < days.pop("2020-02-27") / median < 0.16
    assert min(days.values()) > 0.5 * median


def test_the_day_has_a_rhythm(shop: Database) -> None:
    hours = dict(shop.rows("SELECT hour(event_time), count(*) FROM events GROUP BY 1"))
    assert max(hours, key=hours.__getitem__) in range(14, 19)
    assert hours[0] < hours[16] / 4


def test_a_product_keeps_its_brand_price_and_before_december_its_category(shop: Database) -> None:
    for column in ("coalesce(brand, '')", "price", "(category_id, coalesce(category_code, ''))"):
        where = "price > 0 AND event_time < DATE '2019-12-02'"
        query = f"SELECT count(DISTINCT {column}) n FROM events WHERE {where} GROUP BY product_id"
        assert shop.number(f"SELECT max(n) FROM ({query})") == 1


def test_most_phones_are_filed_under_construction_from_december_on(shop: Database) -> None:
    phones = "SELECT DISTINCT product_id FROM events WHERE category_code = 'electronics.smartphone'"
    share = f"""SELECT avg((category_code LIKE 'construction.%')::INT) FROM events
                WHERE product_id IN ({phones}) AND event_time"""
    assert shop.number(f"{share} < DATE '2019-12-02'") == 0
    assert shop.number(f"{share} >= DATE '2019-12-02'") > 0.7


def test_some_users_do_one_thing_and_some_thousands(shop: Database) -> None:
    each = "SELECT count(*) n FROM events GROUP BY user_id"
    assert 0.05 < shop.number(f"SELECT avg((n = 1)::INT) FROM ({each})") < 0.3
    assert shop.number(f"SELECT max(n) FROM ({each})") > 3000


# What was planted


def test_each_persona_has_its_behaviour() -> None:
    assert sorted(str(behaviour.persona) for behaviour in BEHAVIOURS) == sorted(PERSONA_NAMES)
    assert sum(behaviour.share for behaviour in BEHAVIOURS) == pytest.approx(1)


def test_the_truth_names_exactly_those_who_buy(shop: Database) -> None:
    buyers = shop.rows("SELECT DISTINCT user_id FROM events WHERE event_type = 'purchase' ORDER BY 1")
    assert buyers == shop.rows("SELECT user_id FROM truth ORDER BY 1")
    assert len(buyers) == CLIENTS


def test_behaviours_have_their_shares(shop: Database) -> None:
    shares = dict(shop.rows("SELECT behaviour, count(*) / sum(count(*)) OVER () FROM truth GROUP BY 1"))
    assert shares == pytest.approx({b.name: b.share for b in BEHAVIOURS}, abs=0.035)


def test_the_last_purchase_lies_in_the_planted_days(separable: Database) -> None:
    found = separable.rows("""
        SELECT behaviour, min(r), max(r) FROM (
          SELECT behaviour, date_diff('day', max(event_time), DATE '2020-04-30') r
          FROM events JOIN truth USING (user_id) WHERE event_type = 'purchase' GROUP BY user_id, behaviour
        ) GROUP BY behaviour""")
    for name, low, high in found:
        [(first, last)] = [b.recency_days for b in BEHAVIOURS if b.name == name]
        assert first <= low <= first + 2
        assert last - 2 <= high <= last


def test_without_overlap_seven_clusters_are_the_seven_behaviours(separable: Database) -> None:
    scores = {k: separable.clusters(k) for k in range(2, 11)}
    assert scores[7][0] >= 0.95
    assert max(scores, key=lambda k: scores[k][1]) == 7


def test_with_the_usual_overlap_the_behaviours_can_still_be_told_apart(shop: Database) -> None:
    assert shop.clusters(7)[0] >= 0.9


# Clients who live

LIVING = Shop(1_500, seed=2, visitors_per_client=0.1, browsing=0.3, format="parquet", population="living")


class Lived(Database):
    """A shop whose clients live: `truth` has what each did month by month, `told` the same of its events."""

    def __init__(self, folder: Path) -> None:
        self._connection = duckdb.connect()
        self._connection.execute(f"CREATE TABLE rows AS FROM '{folder}/*.parquet'")
        self._connection.execute("CREATE TABLE events AS SELECT DISTINCT * FROM rows")
        self._connection.execute(f"CREATE TABLE truth AS FROM read_csv('{folder / LIVES}')")
        self._connection.execute("""
            CREATE TABLE told AS SELECT user_id, strftime(event_time, '%Y-%m') AS month,
              count(DISTINCT user_session) AS orders, count(*) AS items, sum(price) AS spent
            FROM events WHERE event_type = 'purchase' GROUP BY ALL""")


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    out = tmp_path_factory.mktemp("living")
    simulate(LIVING, out, Silent())
    return Lived(out)


def test_a_living_shop_has_ten_months_and_the_truth_of_each(living: Lived) -> None:
    months = [f"{start:%Y-%m}" for start in MONTH_STARTS]
    assert [month for (month,) in living.rows("SELECT DISTINCT month FROM truth ORDER BY 1")] == months
    assert {kind for (kind,) in living.rows("SELECT DISTINCT kind FROM truth")} == set(OF_KINDS)
    assert not set(OF_KINDS) & {behaviour.name for behaviour in BEHAVIOURS}
    assert len(KINDS) != len(PERSONA_NAMES)


def test_the_truth_tells_the_orders_of_each_month_and_of_the_next(living: Lived) -> None:
    assert not living.rows("""
        SELECT * FROM truth FULL JOIN told USING (user_id, month)
        WHERE coalesce(truth.orders, 0) != coalesce(told.orders, 0)""")
    assert not living.rows("""
        SELECT * FROM truth JOIN truth AS later USING (user_id)
        WHERE date_diff('month', strptime(truth.month, '%Y-%m'), strptime(later.month, '%Y-%m')) = 1
          AND truth.orders_next != later.orders""")


def test_who_has_left_never_buys_again(living: Lived) -> None:
    gone = "SELECT user_id, month FROM truth WHERE alive = 0 AND month < '2020-04'"
    assert living.number(f"SELECT count(*) FROM ({gone})") > 1000
    assert not living.rows(f"""
        SELECT * FROM ({gone}) AS gone JOIN told USING (user_id) WHERE told.month > gone.month""")


def test_clients_come_in_every_month_and_some_become_another_kind(living: Lived) -> None:
    came = living.rows(
        "SELECT m, count(*) FROM (SELECT min(month) m FROM truth GROUP BY user_id) GROUP BY 1 ORDER BY 1"
    )
    assert len(came) == len(MONTH_STARTS)
    assert min(count for _, count in came) > 20
    kinds = "SELECT count(DISTINCT kind) n FROM truth GROUP BY user_id"
    assert 0.03 < living.number(f"SELECT avg((n > 1)::INT) FROM ({kinds})") < 0.2


def test_the_holidays_bring_orders(living: Lived) -> None:
    rates = dict(living.rows("SELECT month, avg(rate) FROM truth WHERE kind = 'seasonal' GROUP BY 1"))
    assert rates["2019-12"] > 2 * rates["2019-10"]


def test_who_buys_more_items_spends_more_and_a_few_spend_by_far_the_most(living: Lived) -> None:
    spent = np.array(living.rows("SELECT sum(items), sum(spent) FROM told GROUP BY user_id ORDER BY 2")).T
    items, money = np.log(spent)
    assert 0.5 < np.corrcoef(items, money)[0, 1] < 0.8
    assert spent[1][-len(money) // 10 :].sum() > 0.4 * spent[1].sum()


def test_who_will_buy_is_as_hard_to_tell_as_in_a_real_shop(living: Lived) -> None:
    """On real shops a logistic regression has an AUC of 0.71 to 0.72 for the month after (mean of nine dates)."""
    rows = np.array(
        living.rows("""
        SELECT date_diff('day', max(event_time), DATE '2020-04-01') AS days, count(DISTINCT user_session), count(*),
          ln(1 + sum(price)), any_value(april.orders) IS NOT NULL
        FROM events LEFT JOIN (FROM told WHERE month = '2020-04') AS april USING (user_id)
        WHERE event_type = 'purchase' AND event_time BETWEEN DATE '2019-09-01' AND DATE '2020-04-01'
        GROUP BY user_id ORDER BY user_id""")
    ).astype(float)
    X, y = np.log1p(rows[:, :-1]), rows[:, -1]
    model = make_pipeline(StandardScaler(), LogisticRegression())
    told = cross_val_predict(model, X, y, cv=5, method="predict_proba")[:, 1]
    assert 0.65 < roc_auc_score(y, told) < 0.77
    assert 0.15 < y.mean() < 0.4


def test_a_shop_can_have_fewer_kinds(tmp_path: Path) -> None:
    simulate(replace(LIVING, clients=200, kinds=3), tmp_path, Silent())
    kinds = {line.split(",")[2] for line in contents(tmp_path)[str(LIVES)].decode().splitlines()[1:]}
    assert kinds == set(OF_KINDS[:3])


# The bundled sample


def test_the_command_in_the_readme_makes_the_bundled_sample_again(tmp_path: Path) -> None:
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    [line] = [line for line in readme.splitlines() if line.strip().startswith("python -m simulator ")]
    _out, *flags = shlex.split(line.partition(" simulator ")[2])
    assert main([str(tmp_path / "sample"), *flags]) == 0
    bundled = {name: text for name, text in contents(DATA).items() if name.endswith(".gz")}
    assert contents(tmp_path / "sample") == bundled


def test_the_bundled_sample_is_small_and_has_thousands_of_clients() -> None:
    assert sum(path.stat().st_size for path in DATA.rglob("*.gz")) <= 5_000_000
    truth = contents(DATA)[str(LIVES)].decode().splitlines()
    assert len({line.partition(",")[0] for line in truth}) > 4_000


def test_flags_have_the_defaults_of_the_settings(tmp_path: Path) -> None:
    args = parser().parse_args([str(tmp_path), "--clients", "5"])
    assert Shop(args.clients, args.seed, args.visitors_per_client, args.browsing, args.overlap, args.format) == Shop(5)
    assert args.format in FORMATS
