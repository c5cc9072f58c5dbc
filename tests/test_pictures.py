"""The report's pictures: they hold the figures of the run, and their sentences follow these figures."""

import json
import re
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pyarrow as pa
import pytest
from kinds import some_clients

from contract.calendar import DAY_TIMES, WEEKDAYS
from contract.columns import AXES, TYPICAL
from languages import LANGUAGES
from languages import language as speaking
from segmentation.features.calendar import windows
from segmentation.model.assign import assign
from segmentation.model.fit import fit
from segmentation.model.inputs import matrix
from segmentation.model.personas import PERSONA_NAMES, PERSONAS
from segmentation.model.portraits import portraits
from segmentation.model.profiles import profile
from segmentation.report.facts import LEAST_SHOWN, MOST_SHOWN, SHOWN, Facts, facts_of
from segmentation.report.pictures import PICTURES, Picture
from segmentation.report.pictures.branches import lay_out
from segmentation.report.pictures.labels import feature_label, input_label
from segmentation.report.pictures.template import ACCENT, MUTED
from segmentation.report.words import score
from service.answers.answer_figures import Figures, Profile
from service.answers.answer_schemas import Persona

EN, FR = speaking("en"), speaking("fr")

AS_OF = date(2020, 4, 30)
FIRST = windows(AS_OF).start.date()
PICTURE = {picture.name: picture for picture in PICTURES}
NO_BREAK = "\N{NARROW NO-BREAK SPACE}\N{NO-BREAK SPACE}"


def events(**changes: Any) -> dict[str, Any]:
    by_day = {(FIRST + timedelta(days=n)).isoformat(): 100 + n for n in range((AS_OF - FIRST).days + 1)}
    return {
        "rows_read": 50_000,
        "kept": 49_000,
        "duplicates": 990,
        "rejected": {"price is negative": 9, "wrong number of fields": 1},
        "by_day": {"2018-01-01": 7, **by_day},
        "suspected_gaps": [],
        **changes,
    }


def made(clients: pa.Table, seed: int, **changes: Any) -> Facts:
    fitted = fit(clients, seed)
    segments = assign(fitted.model, clients)
    tree = fitted.model.tree
    personas = portraits(segments, tree, fitted.metrics)
    return facts_of(AS_OF, personas, fitted.metrics | {"events": events(**changes)}, tree, segments, seed)


@pytest.fixture(scope="module")
def facts() -> Facts:
    return made(some_clients(60), seed=0)


@pytest.fixture(scope="module")
def others() -> Facts:
    clients = some_clients(100, seed=6)  # of whose kinds there are more and fewer
    rows = [100 * kind + i for kind, size in enumerate((95, 60, 85, 45, 70, 50, 90)) for i in range(size)]
    return made(clients.take(rows), seed=6, duplicates=0, suspected_gaps=["2020-02-27"])


def changed(facts: Facts, part: str, **changes: Any) -> Facts:
    return replace(facts, metrics={**facts.metrics, part: facts.metrics[part] | changes})


def drawn(name: str, facts: Facts, language: str = "en") -> go.Figure:
    return PICTURE[name].figure(facts, speaking(language))


def plain(text: str) -> str:
    return re.sub(f"[{NO_BREAK}]", " ", text)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_every_sentence_follows_the_figures(picture: Picture, language: str, facts: Facts, others: Facts) -> None:
    sentence = picture.says(facts, speaking(language))
    assert sentence != picture.says(others, speaking(language))
    assert re.search(r"\d", sentence)
    assert sentence.endswith(".")
    assert len(re.findall(r"\.(?: |$)", sentence)) == 1  # one sentence
    assert "{" not in sentence


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_french_spaces_do_not_break(picture: Picture, facts: Facts) -> None:
    assert not re.search("« | [:;!?%»]", picture.says(facts, FR))
    assert picture.says(facts, FR) != picture.says(facts, EN)
    assert FR.gettext(picture.title) != picture.title


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_every_figure_is_the_same_each_time_and_of_the_house_colours(
    picture: Picture, language: str, facts: Facts
) -> None:
    figure = picture.figure(facts, speaking(language))
    assert figure.to_json() == picture.figure(facts, speaking(language)).to_json()
    assert figure.layout.height >= 100
    assert figure.layout.meta["narrowest"] <= 1100
    figure.layout.template = None
    house = {ACCENT, MUTED, *(persona.colour for persona in PERSONAS)}
    assert set(re.findall(r'"(#[0-9a-fA-F]{3,8}|rgba?\(.*?\))"', figure.to_json())) <= house


def test_names_are_for_files_and_each_ones_own() -> None:
    assert len(PICTURE) == len(PICTURES)
    assert all(re.fullmatch("[a-z]+", name) for name in PICTURE)


def test_the_sample_is_stratified_and_names_nobody(facts: Facts) -> None:
    sizes = (9_000, 20, 4_000, 60, 2_000, 70, 850)
    clients = pa.concat_tables([some_clients(1).slice(0, 1)] * sum(sizes))
    names = [name for name, size in zip(PERSONA_NAMES, sizes, strict=True) for _ in range(size)]
    segments = clients.append_column("persona", pa.array(names))
    sample = facts_of(AS_OF, [], {}, facts.tree, segments, 1).sample
    assert sample.column_names == ["persona", *SHOWN]
    assert MOST_SHOWN - len(PERSONAS) <= sample.num_rows <= MOST_SHOWN
    counts = [sample["persona"].to_pylist().count(name) for name in PERSONA_NAMES]
    assert all(count >= min(size, LEAST_SHOWN) for count, size in zip(counts, sizes, strict=True))
    assert counts[0] / counts[2] == pytest.approx(9 / 4, rel=0.05)


def test_a_few_clients_are_all_in_the_sample(facts: Facts) -> None:
    assert facts.sample.num_rows == facts.metrics["clients"] == 420
    assert "Each dot is a client (all 420):" in PICTURE["clients"].says(facts, EN)
    fewer = replace(facts, sample=facts.sample.slice(0, 100))
    assert "Each dot is a client (100 of 420):" in PICTURE["clients"].says(fewer, EN)
    assert "Chaque point est un client (100 sur 420) :" in plain(PICTURE["clients"].says(fewer, FR))


def test_profiles_are_those_of_a_plain_count(facts: Facts) -> None:
    clients = some_clients(60, 0).drop_columns("preferred_brand")
    clients = clients.append_column("preferred_brand", pa.array(["b", "a", None, "a"] * 105))
    own, rows = profile(clients), clients.to_pylist()
    for name in (column.name for column in TYPICAL):
        low, median, high = np.percentile([row[name] for row in rows], (25, 50, 75))
        assert own[f"quartiles_{name}"] == pytest.approx([low, high])
        assert own[f"median_{name}"] == pytest.approx(median)
    assert own["brands"] == [{"name": "a", "share": pytest.approx(2 / 3)}, {"name": "b", "share": pytest.approx(1 / 3)}]
    assert own["top_preferred_brand"] == "a"
    assert own["categories"] == [{"name": "shoes", "share": 1.0}]
    assert own["active_times"] == dict.fromkeys(DAY_TIMES, 0.0) | {DAY_TIMES[0]: 1.0}
    assert own["active_days"] == dict.fromkeys(WEEKDAYS, 0.0) | {WEEKDAYS[0]: 1.0}
    assert facts.metrics["everyone"] == profile(some_clients(60, 0))
    assert profile(some_clients(1))["brands"] == []


def test_the_contract_tells_every_figure(facts: Facts) -> None:
    personas, metrics = json.loads(json.dumps([facts.personas, facts.metrics]))
    assert [Persona().validate(persona) for persona in personas] == [{}] * len(PERSONAS)
    assert set(Profile().fields) == set(metrics["everyone"])
    assert Figures().validate(metrics) == {}
    assert Figures().validate({"held_out": {"roc": {"lion": {"true_positive_rate": [2.0]}}}}) != {}


def test_shares(facts: Facts) -> None:
    revenue, clients, *_ = drawn("shares", facts).data
    assert list(revenue.x) == [persona["revenue_share"] for persona in facts.personas]
    assert list(clients.x) == [persona["share"] for persona in facts.personas]


def test_every_client_of_the_sample_is_drawn_once(facts: Facts) -> None:
    clouds = drawn("clients", facts).data
    shown = sorted(point for cloud in clouds for point in zip(cloud.x, cloud.y, cloud.z, strict=True))
    sample = zip(*(facts.sample[name].to_pylist() for name in SHOWN), strict=True)
    assert np.array(shown) == pytest.approx(np.array(sorted(sample)), rel=1e-6)
    assert [len(cloud.x) for cloud in clouds] == [persona["clients"] for persona in facts.personas]


def test_profiles_side_by_side(facts: Facts) -> None:
    (table,) = drawn("profiles", facts).data
    everyone = facts.metrics["everyone"]
    for row, feature in zip(zip(table.z, table.text, strict=True), (column.name for column in TYPICAL), strict=True):
        colours, said = row
        assert colours[0] == 0
        for persona, colour, text in zip(facts.personas, colours[1:], said[1:], strict=True):
            median = persona["profile"][f"median_{feature}"]
            assert text == EN.number(median)
            assert np.sign(colour) == np.sign(median - everyone[f"median_{feature}"])


def test_components(facts: Facts) -> None:
    pca = facts.metrics["pca"]
    bars, line = drawn("variance", facts).data
    assert list(bars.y) == pca["explained_variance"]
    assert line.y[-1] == pytest.approx(1)
    assert [colour == ACCENT for colour in bars.marker.color].index(False) == pca["components_kept"]
    (table,) = drawn("loadings", facts).data
    assert [dict(enumerate(column)) for column in np.transpose(table.z)] == [
        dict(enumerate(loading.values())) for loading in pca["loadings"]
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_0_for_everybody_has_no_row_and_is_named(facts: Facts, language: str) -> None:
    flat = [{**loading, "number_of_views_2m": 0.0} for loading in facts.metrics["pca"]["loadings"]]
    views = {"median_number_of_views_7m": 0.0}
    personas = [{**persona, "profile": {**persona["profile"], **views}} for persona in facts.personas]
    empty = replace(changed(changed(facts, "pca", loadings=flat), "everyone", **views), personas=personas)
    say = speaking(language)
    labels = feature_label("number_of_views_7m", say), input_label("number_of_views_2m", say)
    for name, label in zip(("profiles", "loadings"), labels, strict=True):
        full, figure = drawn(name, facts, language), drawn(name, empty, language)
        assert set(full.data[0].y) - set(figure.data[0].y) == {label}
        assert len(figure.data[0].z) == len(figure.data[0].y)
        (note,) = figure.layout.annotations
        assert note.text.replace("<br>", " ").endswith(f": {label}")
        assert not full.layout.annotations


def test_silhouette(facts: Facts) -> None:
    silhouette = facts.metrics["silhouette"]
    (line,) = drawn("silhouette", facts).data
    assert list(line.y) == [s["mean"] for s in silhouette["by_k"]]
    assert list(line.error_y.array) == [s["standard_error"] for s in silhouette["by_k"]]
    assert list(line.marker.color).index(ACCENT) + 2 == silhouette["chosen_k"]


def test_words_at_the_ends_of_the_curve_stay_within_the_picture(facts: Facts) -> None:
    ends = [s["k"] for s in facts.metrics["silhouette"]["by_k"]]
    far = changed(facts, "silhouette", best_k=ends[0], chosen_k=ends[-1])
    assert [mark.xanchor for mark in drawn("silhouette", far).layout.annotations] == ["left", "right"]


def test_silhouette_says_whether_the_best_is_used(facts: Facts) -> None:
    facts = changed(facts, "silhouette", chosen_k=7)
    best = changed(facts, "silhouette", best_k=7)
    assert "into 7 groups" in PICTURE["silhouette"].says(best, EN)
    assert "these are used" in PICTURE["silhouette"].says(best, EN)
    assert [mark.text for mark in drawn("silhouette", best).layout.annotations] == ["used: 7"]
    other = changed(facts, "silhouette", best_k=4)
    assert "into 4 groups" in PICTURE["silhouette"].says(other, EN)
    assert "seven personas need at least seven: 7 are used" in PICTURE["silhouette"].says(other, EN)
    assert [mark.text for mark in drawn("silhouette", other).layout.annotations] == ["best of all: 4", "used: 7"]


def test_the_groups_stand_where_they_are(facts: Facts) -> None:
    *traces, _ = drawn("clusters", facts).data
    clusters = facts.metrics["clusters"]
    for axis, (archetypes, groups) in zip(AXES, zip(traces[::2], traces[1::2], strict=True), strict=True):
        assert sorted(groups.x) == sorted(cluster["position"][axis] for cluster in clusters)
        assert set(archetypes.x) == {persona.archetype[axis] for persona in PERSONAS}


def test_the_tree_has_every_question_and_every_rule_with_its_clients(facts: Facts) -> None:
    questions, upper, lower, ends = drawn("tree", facts).data
    leaves = len(facts.tree.leaves)
    assert len(questions.text) == len(upper.text) == len(lower.text) == leaves - 1
    assert sorted(ends.y) == list(range(leaves))
    given = [PERSONAS[i].emoji for i in facts.tree.persona[facts.tree.leaves]]
    assert sorted(text.split()[0][0] for text in ends.text) == sorted(emoji[0] for emoji in given)
    shares = [float(share) for text in ends.text for share in re.findall(r"<b>(.*?)%</b>", text)]
    assert sum(shares) == pytest.approx(100, abs=0.5 * leaves)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_least_sure_rule_is_as_sure_in_the_sentence_as_at_its_end(facts: Facts, language: str) -> None:
    shares = facts.tree.shares.copy()
    leaf = facts.tree.leaves[0]
    shares[leaf] *= 0.769 / shares[leaf].max()
    unsure = replace(facts, tree=replace(facts.tree, shares=shares))
    said = speaking(language).percent(0.76, 0)
    assert [said in text.split(",")[-1] for text in drawn("tree", unsure, language).data[-1].text].count(True) == 1
    assert plain(said) in plain(PICTURE["tree"].says(unsure, speaking(language)))


def test_clients_flow_through_the_tree_as_it_sends_them(facts: Facts) -> None:
    X = matrix(some_clients(60, 0))
    reached = facts.tree.apply(X)
    nodes = {node.index: node for node in lay_out(facts.tree, facts.metrics["tree"]["clients_by_leaf"])}
    assert nodes[0].clients == len(X)
    for leaf in facts.tree.leaves:
        assert nodes[leaf].clients == (reached == leaf).sum()
    for node in nodes.values():
        if node.parent is not None:
            side = facts.tree.left if node.upper else facts.tree.right
            assert side[node.parent] == node.index
            assert nodes[node.parent].depth == node.depth - 1


def test_confusion(facts: Facts) -> None:
    matrix_ = facts.metrics["held_out"]["confusion_matrix"]
    (table,) = drawn("confusion", facts).data
    assert np.sum(table.z, axis=1) == pytest.approx(1)
    counts = [[int(text.split("<")[0]) if text else 0 for text in row] for row in table.text]
    assert counts == matrix_


def test_confusion_says_the_most_frequent_slip(facts: Facts) -> None:
    right = np.diag([10] * len(PERSONAS))
    slipped = right.copy()
    slipped[3, 5], slipped[3, 3] = 2, 8
    says = PICTURE["confusion"].says
    assert "the rules put all where" in says(changed(facts, "held_out", confusion_matrix=right.tolist()), EN)
    sentence = says(changed(facts, "held_out", confusion_matrix=slipped.tolist()), EN)
    assert "put 68 where" in sentence
    assert "to say Owl for Fox: 2 of 10." in sentence


def test_the_area_under_each_curve_is_its_auc(facts: Facts, others: Facts) -> None:
    for run in (facts, others):
        for persona, curve in zip(run.personas, drawn("roc", run).data, strict=False):
            points = list(zip(curve.x, curve.y, strict=True))
            area = sum((x2 - x1) * (y1 + y2) / 2 for (x1, y1), (x2, y2) in pairwise(points))
            assert area == pytest.approx(run.metrics["held_out"]["by_persona"][persona["name"]]["auc"])
            assert points[0] == (0, 0)
            assert points[-1] == (1, 1)


def test_what_falls_short_of_one_is_not_written_as_one() -> None:
    assert [score(value, EN) for value in (0.9, 0.9994, 0.9995, 0.99999, 1.0)] == [
        "0.900", "0.999", ">0.999", ">0.999", "1.000"
    ]  # fmt: skip
    assert score(0.99999, FR) == ">0,999"


@pytest.mark.parametrize("corner", [0.015, 0.04, 1])
def test_shares_on_axes_and_in_hovers_are_written_as_in_sentences(facts: Facts, corner: float) -> None:
    roc = {name: {"false_positive_rate": [0, corner, 1], "true_positive_rate": [0, 1, 1]} for name in PERSONA_NAMES}
    near = changed(facts, "held_out", roc=roc, by_persona={name: {"auc": 0.985} for name in PERSONA_NAMES})
    for language in LANGUAGES:
        figure = drawn("roc", near, language)
        ticks = {*figure.layout.xaxis.ticktext, *drawn("variance", facts, language).layout.yaxis.ticktext}
        hovers = {share for curve in figure.data for point in curve.customdata or () for share in point}
        assert {"0%", "100%"} <= {plain(tick).replace(" ", "") for tick in ticks | hovers}
        written = r"[<>]?[\d.]+%" if language == "en" else r"[<>]?[\d,]+\N{NO-BREAK SPACE}%"
        assert not [share for share in ticks | hovers if not re.fullmatch(written, share)]


def test_the_calendar_has_the_days_of_the_longest_window(facts: Facts) -> None:
    heat, _ = drawn("calendar", facts).data
    shown = {
        text: count
        for texts, counts in zip(heat.text, heat.z, strict=True)
        for text, count in zip(texts, counts, strict=True)
    }
    by_day = facts.metrics["events"]["by_day"]
    counts = [count for count in shown.values() if count is not None]
    assert sum(counts) == sum(by_day.values()) - by_day["2018-01-01"]
    assert len(counts) == (AS_OF - FIRST).days + 1
    assert shown["Thu 30 April 2020<br>312 events"] == 312


@pytest.mark.parametrize(
    ("gaps", "en", "fr"),
    [
        ([], "No day has suspiciously few", "Aucun jour n’a"),
        (["2020-02-27"], "On 27 February 2020 there are", "Le 27 février 2020, il y a"),
        (
            ["2020-02-26", "2020-02-27"],
            "On 2 days there are",
            "Pendant 2 jours, dont le premier est le 26 février 2020",
        ),
        (
            ["2020-02-01", "2020-02-08", "2020-02-15", "2020-02-22", "2020-02-26"],
            "On 5 days there are suspiciously few events, the first",
            "Pendant 5 jours, dont le premier est le 1er février 2020",
        ),
        (["2018-01-01"], "No day has suspiciously few", "Aucun jour n’a"),  # outside of the window
    ],
)
def test_the_calendar_marks_gaps(facts: Facts, gaps: list[str], en: str, fr: str) -> None:
    gappy = changed(facts, "events", suspected_gaps=gaps)
    assert PICTURE["calendar"].says(gappy, EN).startswith(en)
    assert plain(PICTURE["calendar"].says(gappy, FR)).startswith(fr)
    marks = drawn("calendar", gappy).data[1]
    monday = FIRST - timedelta(days=FIRST.weekday())
    days = [monday + timedelta(days=7 * week) for week in marks.x]
    inside = [date.fromisoformat(gap) for gap in gaps if date.fromisoformat(gap) >= FIRST]
    assert [(gap - day).days < 7 for gap, day in zip(inside, days, strict=True)] == [True] * len(inside)


@pytest.mark.parametrize(
    ("duplicates", "rejected", "en", "fr"),
    [
        (0, {}, "0 exact duplicates and 0 faulty rows", "0 doublon exact et 0 ligne fautive"),
        (1, {"price is negative": 1}, "1 exact duplicate and 1 faulty row ", "1 doublon exact et 1 ligne fautive"),
        (2, {"price is negative": 1, "x": 1200}, "and 1,201 faulty rows", "2 doublons exacts et 1 201 lignes fautives"),
    ],
)
def test_rows_left_out(facts: Facts, duplicates: int, rejected: dict[str, int], en: str, fr: str) -> None:
    run = changed(facts, "events", duplicates=duplicates, rejected=rejected)
    assert en in PICTURE["rows"].says(run, EN)
    assert fr in plain(PICTURE["rows"].says(run, FR))
    (bars,) = drawn("rows", run).data
    assert sum(bars.x) == duplicates + sum(rejected.values())
    assert list(bars.x)[1:] == sorted(rejected.values(), reverse=True)


def test_the_reasons_of_rejects_are_said_in_french(facts: Facts) -> None:
    (bars,) = drawn("rows", facts, "fr").data
    assert list(bars.y) == ["doublon exact", "prix négatif", "mauvais nombre de<br>champs"]


def test_figures_are_plain_data(facts: Facts) -> None:
    for picture in PICTURES:
        json.loads(picture.figure(facts, EN).to_json(), parse_constant=pytest.fail)


def test_nearly_perfect_curves_are_seen_from_near(facts: Facts) -> None:
    roc = {name: {"false_positive_rate": [0, 0.04, 1], "true_positive_rate": [0, 0.97, 1]} for name in PERSONA_NAMES}
    near = changed(facts, "held_out", roc=roc, by_persona={name: {"auc": 0.985} for name in PERSONA_NAMES})
    figure = drawn("roc", near)
    assert figure.layout.xaxis.range == pytest.approx((-0.001, 0.051))
    assert figure.layout.yaxis.range == pytest.approx((0.949, 1.001))
    assert plain(figure.layout.xaxis.title.text) == "others taken for this persona<br>(0% to 5%)"
    one = {name: {"auc": 0.985} for name in PERSONA_NAMES} | {PERSONA_NAMES[2]: {"auc": 0.9}}
    whole = drawn("roc", changed(near, "held_out", by_persona=one))
    assert whole.layout.xaxis.range == pytest.approx((-0.02, 1.02))
    assert len(whole.data) == len(figure.data) + 1, "the line of chance"
