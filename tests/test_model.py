"""The model's parts against independent definitions, and its promises: one row alone, and no code in files."""

import json

import numpy as np
import pyarrow as pa
import pytest
from kinds import some_clients
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_score
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from contract.columns import AXES, INPUTS
from contract.errors import BadInputError
from languages import LANGUAGES, language
from segmentation.model.archetypes import name_clusters
from segmentation.model.assign import assign
from segmentation.model.claims import CLAIMS
from segmentation.model.clusters import Silhouette, choose, silhouette, sizeable
from segmentation.model.files import dump, load
from segmentation.model.fit import Fitted, fit
from segmentation.model.inputs import ASKED, INPUT_NAMES, matrix, unskew
from segmentation.model.personas import PERSONA_NAMES, PERSONAS
from segmentation.model.rules import rules
from segmentation.model.space import VARIANCE_KEPT, fit_space
from segmentation.model.tree import LEAF
from segmentation.model.tree_fit import fit_tree
from segmentation.tools.errors import QualityGateError

EN, FR = language("en"), language("fr")


@pytest.fixture(scope="module")
def clients() -> pa.Table:
    return some_clients(120)


@pytest.fixture(scope="module")
def fitted(clients: pa.Table) -> Fitted:
    return fit(clients, seed=1)


def test_space_is_the_pca_of_standardised_columns_weighted_by_axis(clients: pa.Table) -> None:
    X = matrix(clients)
    space = fit_space(X)
    axes = [column.axis for column in INPUTS]
    weights = np.array([1 / np.sqrt(sum(a == axis for a in axes)) for axis in axes])
    standardised = StandardScaler().fit_transform(unskew(X)) * weights
    oracle = PCA(svd_solver="full").fit(standardised)
    kept = len(space.components)
    np.testing.assert_allclose(space.explained, oracle.explained_variance_ratio_, atol=1e-9)
    np.testing.assert_allclose(np.abs(space.components), np.abs(oracle.components_[:kept]), atol=1e-6)
    np.testing.assert_allclose(np.abs(space.project(X)), np.abs(oracle.transform(standardised)[:, :kept]), atol=1e-6)
    assert space.explained[: kept - 1].sum() < VARIANCE_KEPT <= space.explained[:kept].sum()


def test_constant_columns_carry_no_weight(clients: pa.Table) -> None:
    X = matrix(clients)
    X[:, INPUT_NAMES.index("number_of_views_2m")] = 0
    assert np.isfinite(fit_space(X).project(X)).all()


@pytest.mark.slow
@pytest.mark.parametrize("k", [3, 8])
def test_silhouette_estimate_agrees_with_the_exact_one_of_20_000_clients(k: int) -> None:
    rng = np.random.default_rng(3)
    sizes = (9_000, 6_000, 4_000, 940, 60)
    centres = ((0, 0, 0), (3, 1, 0), (0, 4, 2), (6, 6, 1), (9, -4, 5))
    points = np.concatenate([rng.normal(centre, 1, (n, 3)) for centre, n in zip(centres, sizes, strict=True)])
    labels = KMeans(k, n_init=1, random_state=0).fit_predict(points)
    estimate = silhouette(points, labels, rng)
    assert estimate.mean == pytest.approx(silhouette_score(points, labels), abs=0.005)
    assert 0 < estimate.standard_error < 0.005


def test_silhouette_of_few_clients_is_exact() -> None:
    rng = np.random.default_rng(3)
    sizes = (2000, 900, 7)
    points = np.concatenate([rng.normal(centre, 1, (n, 2)) for centre, n in zip((0, 4, 9), sizes, strict=True)])
    labels = np.repeat([0, 1, 2], sizes)
    estimate = silhouette(points, labels, rng)
    assert estimate.mean == pytest.approx(silhouette_score(points, labels))
    assert (estimate.standard_error, estimate.sizeable) == (0.0, 2)


def test_the_chosen_k_is_the_smallest_near_the_best_from_seven_sizeable_clusters_up(fitted: Fitted) -> None:
    curve = fitted.metrics["silhouette"]
    assert [s["k"] for s in curve["by_k"]] == list(range(2, 13))
    means = {2: 0.9, 7: 0.40, 8: 0.419, 9: 0.43, 10: 0.5}
    told = [Silhouette(k, mean, 0.0, 6 if k == 10 else k) for k, mean in means.items()]
    assert choose(told, least=7) == 8
    assert choose(told[:1], least=7) is None


def test_a_handful_of_odd_clients_is_no_sizeable_cluster() -> None:
    assert sizeable(np.array([5000, 24, 26, 7])).tolist() == [True, False, True, False]


def test_each_persona_gets_the_cluster_at_its_archetype_and_the_rest_join_the_nearest() -> None:
    archetypes = np.array([[persona.archetype[axis] for axis in AXES] for persona in PERSONAS])
    ranks = np.repeat(np.vstack([archetypes, archetypes[3] + 0.01]), 100, axis=0)
    labels = np.repeat(np.arange(8), 100)
    naming = name_clusters(ranks, labels, 8)
    assert naming.persona_of_cluster.tolist() == [0, 1, 2, 3, 4, 5, 6, 3]
    assert naming.fit[3] == pytest.approx(0.01)
    assert naming.fit[[0, 1, 2, 4, 5, 6]] == pytest.approx(0)


def test_tree_answers_like_the_one_it_was_copied_from(clients: pa.Table) -> None:
    X = matrix(clients)
    personas = np.repeat(np.arange(7), 120)
    tree, validation = fit_tree(X, personas, np.random.default_rng(0))
    Z = X[:, ASKED]
    learnt = DecisionTreeClassifier(max_leaf_nodes=len(tree.leaves), min_samples_leaf=5, random_state=0)
    answers = tree.persona[tree.apply(X)]
    assert (answers == learnt.fit(Z, personas).predict(Z)).mean() > 0.99
    assert len(tree.leaves) <= 32
    assert {size["leaves"] for size in validation} == {7, 8, 10, 12, 14, 16, 20, 24, 28, 32}


def test_cuts_are_whole_days_whole_counts_and_cents(fitted: Fitted) -> None:
    tree = fitted.model.tree
    for feature, cut in zip(tree.feature, tree.threshold, strict=True):
        if feature != LEAF:
            digits = 2 if INPUTS[feature].kind == "money" else 0
            assert cut == round(cut, digits)


def test_rules_say_exactly_which_clients_reach_a_leaf(clients: pa.Table, fitted: Fitted) -> None:
    X = matrix(clients)
    leaves = fitted.model.tree.apply(X)
    for rule in rules(fitted.model.tree):
        inside = np.ones(len(X), dtype=bool)
        for feature, (low, high) in rule.bounds.items():
            inside &= (X[:, feature] > low) & (X[:, feature] <= high)
        assert (inside == (leaves == rule.leaf)).all()
        assert rule.said(EN)
        assert rule.said(FR)


def test_every_kind_is_found_and_the_tree_beats_the_baseline(clients: pa.Table, fitted: Fitted) -> None:
    held_out = fitted.metrics["held_out"]
    assert held_out["accuracy"] > 0.95
    assert held_out["baseline"]["accuracy"] < 0.2
    assert held_out["clients"] == sum(p["support"] for p in held_out["by_persona"].values())
    assert held_out["clients"] == np.array(held_out["confusion_matrix"]).sum()
    assert held_out["clients"] == pytest.approx(clients.num_rows / 5, abs=4)
    assert all(p["auc"] > 0.9 for p in held_out["by_persona"].values())
    kinds = assign(fitted.model, clients)["persona"].to_pylist()
    expected = ("lion", "bear", "squirrel", "fox", "beaver", "owl", "tortoise")
    for i, persona in enumerate(expected):
        own = kinds[120 * i : 120 * (i + 1)]
        assert own.count(persona) > 110, persona


def test_one_client_alone_gets_the_same_answer_as_in_the_batch(clients: pa.Table, fitted: Fitted) -> None:
    batch = assign(fitted.model, clients)
    alone = [assign(fitted.model, clients.slice(i, 1)) for i in range(clients.num_rows)]
    assert pa.concat_tables(alone).equals(batch)


def test_one_client_alone_has_the_same_coordinates_to_the_last_bit(clients: pa.Table, fitted: Fitted) -> None:
    X = matrix(clients)
    together = fitted.model.space.project(X)
    assert all((fitted.model.space.project(X[i : i + 1])[0] == together[i]).all() for i in range(len(X)))


def test_a_model_read_back_is_the_same_model(clients: pa.Table, fitted: Fitted) -> None:
    files = dump(fitted.model)
    assert dump(load(files)) == files
    assert assign(load(files), clients).equals(assign(fitted.model, clients))


def test_model_files_are_json_of_numbers_and_words_only(fitted: Fitted) -> None:
    def leaves(value: object) -> set[type]:
        if isinstance(value, dict):
            return set().union(*map(leaves, value.values())) if value else set()
        if isinstance(value, list):
            return set().union(*map(leaves, value)) if value else set()
        return {type(value)}

    for content in dump(fitted.model).values():
        assert leaves(json.loads(content)) <= {int, float, str, type(None)}


@pytest.mark.parametrize(
    ("name", "content"),
    [("tree.json", b"\x80\x04not json"), ("clusters.json", b"{}"), ("tree.json", b'{"nodes": {}}')],
)
def test_a_damaged_model_is_refused(fitted: Fitted, name: str, content: bytes) -> None:
    with pytest.raises(BadInputError):
        load(dump(fitted.model) | {name: content})


def test_the_same_clients_and_seed_give_the_same_model(clients: pa.Table, fitted: Fitted) -> None:
    again = fit(clients, seed=1)
    assert dump(again.model) == dump(fitted.model)
    assert again.metrics == fitted.metrics


def test_forty_clients_are_not_split_in_seven() -> None:
    with pytest.raises(QualityGateError, match="35 clients cannot be split in seven honestly"):
        fit(some_clients(5), seed=0)


def test_clients_that_are_all_alike_are_not_split() -> None:
    one = some_clients(1).slice(0, 1)
    with pytest.raises(QualityGateError, match="too much alike"):
        fit(pa.concat_tables([one] * 200), seed=0)


def test_personas_are_the_seven_in_order() -> None:
    assert PERSONA_NAMES == ("lion", "bear", "squirrel", "fox", "beaver", "owl", "tortoise")
    for persona in PERSONAS:
        assert set(persona.label) == set(persona.alike) == set(persona.advice) == set(LANGUAGES)
        assert set(persona.archetype) == set(AXES)
        assert {*persona.claims, *persona.advice_for} <= set(CLAIMS)
