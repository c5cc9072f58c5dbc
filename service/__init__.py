"""The online side of Menagerie: a published snapshot in, answers about customers out."""
