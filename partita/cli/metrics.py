"""``partita metrics``: what merchants do, in five numbers."""

from decimal import Decimal
from typing import Annotated, Any, Final, Literal

import msgspec
from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console
from rich.table import Table
from rich.text import Text

from partita.app import App
from partita.cli.books import session
from partita.settings import load_settings
from processor.activity import metrics as read
from processor.database import Connection

Name = Literal["top-merchant", "monthly-active-merchants", "product-adoption", "kyc-funnel", "failure-rates"]
_COLUMNS: Final = {
    "top-merchant": ("merchant_id", "total_volume"),
    "monthly-active-merchants": ("month", "merchants"),
    "product-adoption": ("product", "merchants"),
    "kyc-funnel": ("step", "merchants"),
    "failure-rates": ("product", "failure_rate"),
}
_rates = msgspec.json.Encoder(decimal_format="number")
_amounts = msgspec.json.Encoder(decimal_format="string")


async def metrics(
    name: Name,
    *,
    decimals: Annotated[int, Parameter(validator=Number(gte=0, lte=read.DECIMALS_MAX))] = read.DECIMALS,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> None:
    """Shows one of five metrics of merchant activity.

    They are of everything that was imported until now, also while an import
    runs. Volumes are in NGN.

    For example:
        partita metrics failure-rates --decimals 4 --json

    Parameters
    ----------
    name:
        top-merchant: the largest volume of SUCCESS;
        monthly-active-merchants: merchants with a SUCCESS, by month;
        product-adoption: merchants by product;
        kyc-funnel: merchants with a SUCCESS, by step of the product KYC;
        failure-rates: FAILED per cent of FAILED and SUCCESS, by product
    decimals:
        of a rate
    as_json:
        JSON instead of a table
    """
    async with session(App(settings=load_settings()), "metrics") as connection:
        found = await _read(connection, name, decimals)
    if as_json:
        encoder = _rates if name == "failure-rates" else _amounts
        print(encoder.encode(found).decode())
    else:
        Console().print(_table(name, found))


async def _read(connection: Connection, name: Name, decimals: int) -> Any:
    if name == "failure-rates":
        return await read.failure_rates(connection, decimals=decimals)
    return await read.METRICS[name](connection)


def _table(name: Name, found: Any) -> Table:
    table = Table(title=name.replace("-", " "))
    first, second = _COLUMNS[name]
    table.add_column(first.replace("_", " "))
    table.add_column(second.replace("_", " "), justify="right")
    for label, value in _rows(found):
        table.add_row(Text(label), Text(f"{value:,}" if isinstance(value, (int, Decimal)) else str(value)))
    return table


def _rows(found: Any) -> list[tuple[str, Any]]:
    """Return what was read as rows of two cells."""
    if isinstance(found, read.TopMerchant):
        return [] if found.merchant_id is None else [(found.merchant_id, found.total_volume)]
    if isinstance(found, list):
        return [(each.product, each.failure_rate) for each in found]
    return list((found if isinstance(found, dict) else msgspec.structs.asdict(found)).items())
