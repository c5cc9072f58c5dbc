"""The pictures of the report, in the order in which it shows them: what marketers look for, then what analysts do."""

from segmentation.report.pictures.calendar import CALENDAR
from segmentation.report.pictures.clients import CLIENTS
from segmentation.report.pictures.clusters import CLUSTERS
from segmentation.report.pictures.components import LOADINGS, VARIANCE
from segmentation.report.pictures.confusion import CONFUSION
from segmentation.report.pictures.picture import Picture
from segmentation.report.pictures.profiles import PROFILES
from segmentation.report.pictures.roc import ROC
from segmentation.report.pictures.rows import ROWS
from segmentation.report.pictures.shares import SHARES
from segmentation.report.pictures.silhouette import SILHOUETTE
from segmentation.report.pictures.tree import TREE

FOR_MARKETERS: tuple[Picture, ...] = (SHARES, PROFILES, CLIENTS, CLUSTERS)
FOR_ANALYSTS: tuple[Picture, ...] = (SILHOUETTE, VARIANCE, LOADINGS, TREE, CONFUSION, ROC, CALENDAR, ROWS)
PICTURES = (*FOR_MARKETERS, *FOR_ANALYSTS)

__all__ = ["FOR_ANALYSTS", "FOR_MARKETERS", "PICTURES", "Picture"]
