"""A run's figures as one line that CloudWatch Logs turns into metrics: the embedded metric format.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
from datetime import datetime

VARIABLE = "MENAGERIE_METRICS"
NAMESPACE = "Menagerie"
UNITS = {
    "Runs": "Count",
    "FailedRuns": "Count",
    "DurationSeconds": "Seconds",
    "Clients": "Count",
    "Events": "Count",
    "RejectedShare": "None",
    "SnapshotAgeDays": "None",
}


def line(shop: str, figures: dict[str, float], now: datetime) -> str:
    """Return the line for figures named in `UNITS`, with the shop as their dimension."""
    metrics = [{"Name": name, "Unit": UNITS[name]} for name in figures]
    directive = {"Namespace": NAMESPACE, "Dimensions": [["Shop"]], "Metrics": metrics}
    about = {"Timestamp": int(now.timestamp() * 1000), "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": about, "Shop": shop, **figures})
