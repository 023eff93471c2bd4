"""A gateway whose disk is full after 200 KB, as far as this process can tell, and later is not.

    python -m tests.edge_agent.full_disk_child JOURNAL

Prints `full N` when the N values written until then did not all reach the disk, then `durable M` when all M did.
"""

import asyncio
import resource
import sys
from pathlib import Path

from edge_agent.journal import JournalUnwritable
from tests.edge_agent.journal_peer import opened, some

_FULL = 200 * 1024


async def main(path: Path) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FULL, most))
    number = 0
    async with opened(path) as journal:
        try:
            while True:
                journal.write(some(1000, first=number))
                number += 1000
                await journal.flush()
        except JournalUnwritable:
            print("full", number, flush=True)
        for _ in range(5):
            journal.write(some(1000, first=number))
            number += 1000
        assert journal.backlog == number
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        async with asyncio.timeout(20):
            while not journal.writable:  # noqa: ASYNC110 - it has no event for that
                await asyncio.sleep(0.02)
        await journal.flush()
        assert not any(journal.dropped.values())
        print("durable", number, flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
