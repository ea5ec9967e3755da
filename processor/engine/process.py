"""The engine: a micro-batch of commands in, decisions and events out, one PostgreSQL transaction.

Promise   Each command is decided exactly once, in the order of its partition; a repeat is answered as before.
Cost      A fixed number of statements and one commit per batch, whatever its size: begin, enter, seen, clock, events,
          leave, commit are the engine's, and one more where jobs' commands repeat; the store's find, load and save add
          their own.
Bound     Distinct rows in the batch, not commands. The span that others wait for is from load to commit.
          Events are on their way while later commands are still being decided: PostgreSQL works beside Python.
"""

from processor.database import Database
from processor.engine import lanes as lane
from processor.engine.batch import Batch
from processor.engine.context import Context, W
from processor.engine.decide import NO_ENDS, Decider, decision_instant
from processor.engine.events import answers_in_tx, ends_in_tx
from processor.faults import reach
from processor.telemetry import count


async def process(database: Database, context: Context[W], batch: Batch) -> int:
    """Apply *batch* and return how many records that was; those below the fence were applied before.

    Raises:
        Skipped: The batch begins above its lane. Nothing has happened; read again from where the lane stands.
    """
    async with database.transaction() as tx:
        lanes = await lane.enter_in_tx(tx, context.name, batch)  # 1 enter
        asked = lane.asks(lanes)
        answers = await answers_in_tx(tx, [ask.command_id for ask in asked])  # 2 seen
        ends = await ends_in_tx(tx, answers) if answers and context.begins_jobs else NO_ENDS
        fresh = [ask.command for ask in asked if ask.command_id not in answers]
        keys = await context.store.find_in_tx(tx, fresh)  # 3 find
        world = await context.store.load_in_tx(tx, keys, [each.lane_no for each in lanes])  # 4 load
        instant = decision_instant(await lane.clock_in_tx(tx), lanes, world.last_changed_at)
        await context.store.complete_in_tx(tx, world, keys, instant)
        decider = Decider(context, world, answers, instant, ends=ends)
        await decider.telling.save_in_tx(tx, decider.run(lanes))  # 5 decide, and save what is told of it
        await context.store.save_in_tx(tx, world)  # 6 save
        await lane.leave_in_tx(tx, lanes, instant)
        reach("saved")
    reach("committed")  # 7 commit
    applied = sum(len(each.items) for each in lanes)
    decider.count()
    count("batches")
    count("records", applied)
    return applied
