"""The client table as a notebook makes it in PySpark: a group-by for each window and family of columns, then joins."""

from datetime import date, timedelta
from functools import reduce
from importlib import import_module
from typing import TYPE_CHECKING, Any

from contract.calendar import DAY_TIMES, WEEKDAYS, months_before
from contract.columns import NAMES

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

HOURS = {"morning": range(5, 12), "afternoon": range(12, 18), "evening": range(18, 24), "night": range(5)}
DAY = {"sunday": 1, "monday": 2, "tuesday": 3, "wednesday": 4, "thursday": 5, "friday": 6, "saturday": 7}


def clients(spark: "SparkSession", events_path: str, as_of: date) -> "DataFrame":
    """Return the client table of an ingested folder."""
    F = import_module("pyspark.sql.functions")
    events = spark.read.parquet(f"{events_path}/events")
    end = as_of + timedelta(days=1)
    windows = {months: _between(F, events, months_before(end, months), end) for months in (2, 5, 7)}
    bought = {months: window.filter(F.col("event_type") == "purchase") for months, window in windows.items()}
    value = F.sum("price").cast("double")
    parts: list[DataFrame] = []
    for months, window in windows.items():
        for kind, name in (("view", "number_of_views"), ("cart", "number_of_carts")):
            counted = window.filter(F.col("event_type") == kind).groupBy("user_id")
            parts.append(counted.agg(F.count("*").alias(f"{name}_{months}m")))
        sessions = F.countDistinct("user_session").alias(f"number_of_sessions_{months}m")
        items = F.count("*").alias(f"count_products_{months}m")
        average = (value / F.count("*")).alias(f"avg_price_{months}m")
        parts += [window.groupBy("user_id").agg(sessions), bought[months].groupBy("user_id").agg(items, average)]
    last = F.max("event_time")
    days = F.datediff(F.lit(str(as_of)).cast("date"), last).alias("days_since_last_purchase")
    spent = value.alias("total_purchase_value")
    parts.append(bought[7].groupBy("user_id").agg(last.alias("last_purchase"), days, spent))
    for column, name in (("brand", "preferred_brand"), ("category_code", "preferred_category")):
        parts.append(_most(F, bought[7], F.col(column), name, F.col(name)))
    hour, day = F.hour("event_time"), F.dayofweek("event_time")
    time = reduce(lambda case, name: case.when(hour.isin(*HOURS[name]), name), DAY_TIMES, F)
    weekday = reduce(lambda case, name: case.when(day == DAY[name], name), WEEKDAYS, F)
    for value_of, name, order in ((time, "most_active_time", DAY_TIMES), (weekday, "most_active_day", WEEKDAYS)):
        place = F.array_position(F.array(*map(F.lit, order)), F.col(name))
        parts.append(_most(F, windows[7], value_of, name, place))
    buyers = bought[7].select("user_id").distinct()
    table = reduce(lambda left, right: left.join(right, "user_id", "left"), parts, buyers)
    table = table.fillna(0, subset=[name for name in table.columns if name.startswith(("number_", "count_"))])
    abandoned = F.greatest(F.col("number_of_carts_7m") - F.col("count_products_7m"), F.lit(0))
    return table.withColumn("cart_abandonments", abandoned).select(*NAMES).orderBy("user_id")


def _between(F: Any, events: "DataFrame", begin: date, end: date) -> "DataFrame":
    first, after = (F.lit(str(day)).cast("timestamp_ntz") for day in (begin, end))
    return events.filter((F.col("event_time") >= first) & (F.col("event_time") < after))


def _most(F: Any, events: "DataFrame", value: "Column", name: str, ties: "Column") -> "DataFrame":
    by_user = import_module("pyspark.sql").Window.partitionBy("user_id")
    counted = events.withColumn(name, value).filter(F.col(name).isNotNull()).groupBy("user_id", name).count()
    place = F.row_number().over(by_user.orderBy(F.desc("count"), ties))
    return counted.withColumn("place", place).filter("place = 1").select("user_id", name)
