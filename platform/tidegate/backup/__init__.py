"""Backups: a copy of all that a home cannot make again, elsewhere, and a home made of one.

    tidegate-backups                          the id of the lake whose backups these are
    backups/tidegate-<moment>.tar.gz          a backup: what it holds, the catalog, Dagster's record
    data/<schema>/<table>/…                   data files of the lake, each once, for all backups
    archive/…                                 the archive's files, by the archive's names

No file in `data` or `archive` ever changes, so a backup copies those that are not there yet. It is there once its one
file is, which is written last and at once: a backup that was interrupted has none, and the next one goes on from there.
"""
