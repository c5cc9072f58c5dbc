"""What callers get of a run's figures, as marshmallow schemas."""

from marshmallow import INCLUDE, Schema, fields, validate

from contract.columns import FAVOURITES, TYPICAL


def _share() -> fields.Float:
    return fields.Float(required=True, validate=validate.Range(0, 1))


def _quartiles() -> fields.List[float]:
    return fields.List(fields.Float(), validate=validate.Length(equal=2))


def _shares() -> fields.Dict:
    return fields.Dict(keys=fields.String(), values=fields.Float(validate=validate.Range(0, 1)))


class Shared(Schema):
    """A brand or a category, and its share of the clients for whom one is known."""

    name = fields.String(required=True)
    share = _share()


class Profile(Schema):
    """The typical client of a group of clients; older snapshots say less of it.

    `quartiles_` are the first and the third. The shares by part of the day and by weekday are of clients, by when
    each is most active.
    """

    class Meta:
        """The figures by name, as the column table has them."""

        include = {  # noqa: RUF012 (marshmallow's own way)
            **{f"median_{column.name}": fields.Float() for column in TYPICAL},
            **{f"quartiles_{column.name}": _quartiles() for column in TYPICAL},
            **{f"top_{column.name}": fields.String(allow_none=column.nullable) for column in FAVOURITES},
        }

    brands = fields.List(fields.Nested(Shared))
    categories = fields.List(fields.Nested(Shared))
    active_times = _shares()
    active_days = _shares()


class RocCurve(Schema):
    """The ROC curve of a persona against all others on clients held out; no points when it does not occur."""

    false_positive_rate = fields.List(fields.Float(validate=validate.Range(0, 1)), required=True)
    true_positive_rate = fields.List(fields.Float(validate=validate.Range(0, 1)), required=True)


class More(Schema):
    """Figures of which some are told, and more are there."""

    class Meta:
        """So that the contract allows them."""

        unknown = INCLUDE


class HeldOut(More):
    """How good the decision tree is on clients that it has not seen; older snapshots have no curves."""

    roc = fields.Dict(keys=fields.String(), values=fields.Nested(RocCurve))


class Figures(More):
    """What metrics.json holds; `everyone` is the typical client of all."""

    clients = fields.Integer()
    everyone = fields.Nested(Profile)
    held_out = fields.Nested(HeldOut)
