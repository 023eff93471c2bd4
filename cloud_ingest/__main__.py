"""The centre's commands without the others: how `lophoc ingest --workers` starts its workers."""

import click

from cloud_ingest.cli import ingest
from cloud_ingest.query_cli import query, registry

main = click.Group("cloud_ingest", commands={"ingest": ingest, "query": query, "registry": registry})

if __name__ == "__main__":
    main()
