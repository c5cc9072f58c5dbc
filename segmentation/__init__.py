"""The batch side of Menagerie: a shop's events in, a published snapshot of seven personas out."""

VERSION = "0.1.0"
