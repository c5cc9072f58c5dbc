"""What callers get, as marshmallow schemas: the contract is made of them, and tests load answers of every route."""

from marshmallow import Schema, fields, validate

from contract.columns import LEAST_ID, MOST_ID
from languages import DEFAULT, LANGUAGES
from service.answers.answer_figures import Figures, Profile
from service.answers.schemas import EITHER
from service.answers.sent_features import Features

_ID = {"format": "int64"}


def _text() -> fields.String:
    return fields.String(required=True)


def _count() -> fields.Integer:
    return fields.Integer(required=True, validate=validate.Range(0), metadata=_ID)


def _user_id() -> fields.Integer:
    """Return a user id: a number up to 2^53, a string beyond, which JavaScript would round."""
    return fields.Integer(required=True, validate=validate.Range(LEAST_ID, MOST_ID), metadata=EITHER)


def _share() -> fields.Float:
    return fields.Float(required=True, validate=validate.Range(0, 1))


class Words(Schema):
    """Words in each language; snapshots made before a language was there lack it."""

    class Meta:
        """A field for each language."""

        include = {code: fields.String(required=code == DEFAULT) for code in LANGUAGES}  # noqa: RUF012


class Sentences(Schema):
    """Sentences in each language; snapshots made before a language was there lack it."""

    class Meta:
        """A field for each language."""

        include = {  # noqa: RUF012
            code: fields.List(fields.String(), required=code == DEFAULT) for code in LANGUAGES
        }


class Dated(Schema):
    """Which snapshot an answer is from; `stale` when it is past the set age."""

    as_of = fields.Date(required=True)
    snapshot = _text()
    stale = fields.Boolean()


class Better(Schema):
    """The nearest better persona that the client can come to, and by which change."""

    persona = _text()
    label = fields.Nested(Words, required=True)
    change = fields.Nested(Sentences, required=True)


class Named(Dated):
    """A persona as it is told of a client."""

    persona = _text()
    label = fields.Nested(Words, required=True)
    emoji = _text()
    confidence = _share()
    advice = fields.Nested(Words, required=True)


class Scored(Named):
    """A client with the features sent."""

    reasons = fields.Nested(Sentences, required=True)
    better = fields.Nested(Better, required=True, allow_none=True)


class Segment(Named):
    """A client of the snapshot; the last three when they are asked for."""

    user_id = _user_id()
    cluster = _count()
    features = fields.Nested(Features)
    reasons = fields.Nested(Sentences)
    better = fields.Nested(Better, allow_none=True)


class Asked(Schema):
    """One of many clients asked for; the last three when it is found."""

    user_id = _user_id()
    status = fields.String(required=True, validate=validate.OneOf(("found", "not_found")))
    persona = fields.String()
    confidence = fields.Float(validate=validate.Range(0, 1))
    cluster = fields.Integer()


class Segments(Dated):
    """Many clients, in the order in which they were asked for."""

    clients = fields.List(fields.Nested(Asked), required=True)


class Member(Schema):
    """One client of a persona."""

    user_id = _user_id()
    persona = _text()
    cluster = _count()
    confidence = _share()


class Members(Dated):
    """A page of a persona's clients; `next_cursor` is null on the last."""

    persona = _text()
    clients = fields.List(fields.Nested(Member), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class Claimed(Schema):
    """What a persona's name stands for, and whether it holds for the clients who have it."""

    claim = _text()
    holds = fields.Boolean(required=True)


class Persona(Schema):
    """A persona as the run found it; snapshots made before the report had pictures have no `colour`."""

    name = _text()
    emoji = _text()
    colour = fields.String(validate=validate.Regexp("^#[0-9a-f]{6}$"))
    label = fields.Nested(Words, required=True)
    traits = fields.Nested(Words, required=True)
    alike = fields.Nested(Words)
    claims = fields.List(fields.Nested(Claimed))
    advice = fields.Nested(Words, required=True)
    archetype = fields.Dict(keys=fields.String(), values=fields.Float(), required=True)
    clients = _count()
    share = _share()
    revenue = fields.Float()
    revenue_share = fields.Float()
    profile = fields.Nested(Profile, required=True)
    rules = fields.Nested(Sentences, required=True)
    fit = fields.Float(required=True)
    true_to_type = fields.Boolean()
    unlike = fields.Nested(Words, allow_none=True)
    clusters = fields.List(fields.Integer(), required=True)


class DatedPersona(Persona, Dated):
    """A persona, and the snapshot that it is from."""


class Personas(Dated):
    """The seven, in their order."""

    personas = fields.List(fields.Nested(Persona), required=True)


class Served(Dated):
    """The snapshot that is served."""

    id = _text()
    created_at = fields.DateTime(required=True)
    age_days = fields.Integer(required=True)
    store_reachable = fields.Boolean(required=True)
    counts = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    metrics = fields.Nested(Figures, required=True)


class Other(Schema):
    """The snapshot that the one served is compared with."""

    snapshot = _text()
    as_of = fields.Date(required=True)


class Flow(Schema):
    """Clients that had one persona and have another or the same; null for those not in that snapshot.

    Their values are what they had spent in the 7 months before each as-of date.
    """

    then = fields.String(required=True, allow_none=True)
    now = fields.String(required=True, allow_none=True)
    clients = fields.Integer(required=True, validate=validate.Range(1), metadata=_ID)
    value_then = fields.Float(required=True)
    value_now = fields.Float(required=True)


class Changed(Dated):
    """What has changed since another snapshot; flows without a client are left out.

    `flows` are what clients did, by the rules of then, and `relabelled` whom new rules alone gave another persona.
    `same_rules` is null where the two cannot be told apart: then `flows` are both.
    """

    other = fields.Nested(Other, required=True)
    flows = fields.List(fields.Nested(Flow), required=True)
    same_rules = fields.Boolean(required=True, allow_none=True)
    relabelled = fields.List(fields.Nested(Flow), required=True)


class Health(Schema):
    """How the service is."""

    status = _text()
    snapshot = fields.String()


class Wrong(Schema):
    """One thing wrong with a body, by JSON pointer."""

    pointer = _text()
    detail = _text()


class Problem(Schema):
    """What went wrong (RFC 9457)."""

    type = fields.String(required=True)
    title = _text()
    status = fields.Integer(required=True)
    detail = _text()
    instance = _text()
    request_id = _text()
    errors = fields.List(fields.Nested(Wrong))
