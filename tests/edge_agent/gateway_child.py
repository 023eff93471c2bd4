"""A gateway that can be killed: writes 0, 1, 2, … to a journal, and says how far it is sure.

    python -m tests.edge_agent.gateway_child JOURNAL FIRST [BROKER]

Prints `durable N` when every value below N is on the disk. With a broker it sends them, too.
"""

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from classroom_profiles.topics import Address
from edge_agent.journal import Journal
from edge_agent.uplink import Uplink
from tests.edge_agent.journal_peer import BOOT, STEADY, some

ADDRESS = Address("thcs-nguyen-du", "gw-1")


async def main(path: Path, first: int, broker: str | None) -> None:
    async with AsyncExitStack() as stack:
        journal = await stack.enter_async_context(Journal.open(path, BOOT, seal_s=0.05, clock=lambda: STEADY))
        if broker is not None:
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            uplink = Uplink(broker, ADDRESS, journal, lambda: None, answer_s=0.5)
            tasks.create_task(uplink.run())
        number = first
        while True:
            for _ in range(20):
                journal.write(some(5, first=number))
                number += 5
                await asyncio.sleep(0)
            await journal.flush()
            print("durable", number, flush=True)
            await asyncio.sleep(0.002)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None))
