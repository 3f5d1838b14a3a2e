"""The catalog: public data sets by name, what their files are, and how these become rows."""

from ostinato.data.catalog import audio, classification, images, music, series, tagging, texts, translation  # noqa: F401
from ostinato.data.catalog.base import Catalog, DataSet, File, Folder, catalog

__all__ = ["Catalog", "DataSet", "File", "Folder", "catalog"]
