"""``partita migrate``: prepares a database."""

from partita.app import App
from partita.settings import load_settings
from processor.migrate import migrate as bring_up_to_date


async def migrate() -> None:
    """Brings the database to this version's schema.

    Migrations only go forward, each in a transaction of its own; running it
    again does nothing. Several processes may run it at once. The database
    itself has to exist.

    For example:
        PARTITA_DATABASE_URL=postgresql://partita@db/partita partita migrate
    """
    connection = await App(settings=load_settings()).connect("migrate")
    try:
        applied = await bring_up_to_date(connection)
    finally:
        await connection.close()
    for step in applied:
        print(f"{step.number:04} {step.name}: applied")
    if not applied:
        print("The database is up to date.")
