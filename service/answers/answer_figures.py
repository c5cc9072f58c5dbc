"""What callers get of a run's figures, as marshmallow schemas."""

from marshmallow import INCLUDE, Schema, fields, validate


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

    median_days_since_last_purchase = fields.Float()
    median_count_products_7m = fields.Float()
    median_total_purchase_value = fields.Float()
    median_avg_price_7m = fields.Float()
    median_number_of_sessions_7m = fields.Float()
    median_number_of_views_7m = fields.Float()
    median_number_of_carts_7m = fields.Float()
    quartiles_days_since_last_purchase = _quartiles()
    quartiles_count_products_7m = _quartiles()
    quartiles_total_purchase_value = _quartiles()
    quartiles_avg_price_7m = _quartiles()
    quartiles_number_of_sessions_7m = _quartiles()
    quartiles_number_of_views_7m = _quartiles()
    quartiles_number_of_carts_7m = _quartiles()
    top_preferred_brand = fields.String(allow_none=True)
    top_preferred_category = fields.String(allow_none=True)
    top_most_active_time = fields.String()
    top_most_active_day = fields.String()
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
