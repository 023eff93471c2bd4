"""The centre's commands without the others: how `lophoc ingest --workers` starts its workers."""

import click

from cloud_ingest.cli import ingest, query

main = click.Group("cloud_ingest", commands={"ingest": ingest, "query": query})

if __name__ == "__main__":
    main()
