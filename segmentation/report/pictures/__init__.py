"""The pictures of the report, in the order in which it shows them."""

from segmentation.report.pictures.picture import Picture
from segmentation.report.pictures.shares import SHARES
from segmentation.report.pictures.silhouette import SILHOUETTE

PICTURES: tuple[Picture, ...] = (SHARES, SILHOUETTE)

__all__ = ["PICTURES", "Picture"]
