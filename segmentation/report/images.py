"""The pictures of the report as files, drawn by an installed Chromium (or Chrome) through kaleido."""

import os
from importlib import import_module
from pathlib import Path
from typing import Any

from contract.errors import WrongUsageError
from languages import Language
from segmentation.report.facts import Facts
from segmentation.report.pictures import PICTURES, Picture
from segmentation.report.pictures.template import TEMPLATES

WIDTH, SCALE = 1000, 2
"""In CSS pixels, and image pixels in each of them, so that print is sharp, too."""
_NO_KALEIDO = "Pictures as files need kaleido: install requirements-pictures.txt of the project with pip."
_NO_BROWSER = "Pictures as files need Chromium or Chrome: install one, or name it in the variable BROWSER_PATH."
_BROKEN = "The browser that the variable BROWSER_PATH names, {}, does not start: correct it, or unset it."
_NO_FOLDER = "The pictures cannot be written into {}: name a folder that can be made, or written into."


def write_images(facts: Facts, folder: Path, say: Language) -> list[Path]:
    """Write each picture as a PNG on white into `folder`, and return the files.

    Raises WrongUsageError when kaleido or the browser is not there, or the folder cannot be written into.
    """
    try:
        kaleido, missing = import_module("kaleido"), import_module("choreographer.errors")
    except ImportError as error:
        raise WrongUsageError(_NO_KALEIDO) from error
    new = _prepared(folder)
    images = [_image(picture, facts, folder, say) for picture in PICTURES if facts.has(*picture.needs)]
    try:
        kaleido.write_fig_from_object_sync(images, kopts={"mathjax": False})  # which it would fetch
    except (missing.ChromeNotFoundError, missing.BrowserFailedError, missing.BrowserDepsError) as error:
        if new and not any(folder.iterdir()):
            folder.rmdir()
        named = os.environ.get("BROWSER_PATH")
        raise WrongUsageError(_BROKEN.format(named) if named else _NO_BROWSER) from error
    return [image["path"] for image in images]


def _prepared(folder: Path) -> bool:
    """Make a folder that can be written into, and tell whether it is new."""
    try:
        new = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WrongUsageError(_NO_FOLDER.format(folder)) from error
    if not os.access(folder, os.W_OK):
        raise WrongUsageError(_NO_FOLDER.format(folder))
    return new


def _image(picture: Picture, facts: Facts, folder: Path, say: Language) -> dict[str, Any]:
    figure = picture.figure(facts, say).update_layout(template=TEMPLATES["light"], paper_bgcolor="#ffffff")
    size = {"width": WIDTH, "height": figure.layout.height, "scale": SCALE}
    return {"fig": figure, "path": folder / f"{picture.name}.png", "opts": {"format": "png", **size}}
