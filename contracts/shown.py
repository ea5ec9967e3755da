"""How results show things: the types of their fields, with words for the schemas.

Cost      Nothing at run time: patterns and formats go into the schemas alone, and a result is read as plain text.
Invariant What is said here is what results look like; whoever reads them may rely on it.
"""

from typing import Annotated

from msgspec import Meta

from contracts.money import END

ShownAmount = Annotated[
    str,
    Meta(
        description='a decimal string such as "12.30" with all decimals of its currency',
        extra_json_schema={"pattern": rf"^(0|[1-9][0-9]*)(\.[0-9]+)?{END}"},
    ),
]
ShownBalance = Annotated[
    str,
    Meta(
        description='a decimal string such as "-12.30" with all decimals of its currency',
        extra_json_schema={"pattern": rf"^-?(0|[1-9][0-9]*)(\.[0-9]+)?{END}"},
    ),
]
ShownSignedAmount = ShownBalance
ShownCurrency = Annotated[
    str, Meta(description='an ISO 4217 code such as "EUR"', extra_json_schema={"pattern": rf"^[A-Z]{{3}}{END}"})
]
ShownId = Annotated[
    str,
    Meta(
        description="an id of 1 to 64 of A-Z a-z 0-9 . _ : -",
        extra_json_schema={"pattern": rf"^[A-Za-z0-9._:-]{{1,64}}{END}"},
    ),
]
ShownUuid = Annotated[
    str,
    Meta(
        description="a UUID in lower case",
        extra_json_schema={"pattern": rf"^[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}{END}"},
    ),
]
ShownInstant = Annotated[
    str, Meta(description="an RFC 3339 instant in UTC with microseconds", extra_json_schema={"format": "date-time"})
]
ShownDate = Annotated[str, Meta(description="a day written YYYY-MM-DD", extra_json_schema={"format": "date"})]
ShownMonth = Annotated[
    str, Meta(description="a month written YYYY-MM", extra_json_schema={"pattern": rf"^[0-9]{{4}}-[0-9]{{2}}{END}"})
]
ShownAccrual = Annotated[
    str,
    Meta(
        description='interest as a decimal string of 6 decimals, such as "0.273973"; it is no money yet',
        extra_json_schema={"pattern": rf"^(0|[1-9][0-9]*)\.[0-9]{{6}}{END}"},
    ),
]
ShownRate = Annotated[
    str,
    Meta(
        description='a yearly rate as a decimal string, such as "0.025" for 2.5 %',
        extra_json_schema={"pattern": rf"^(0|[1-9][0-9]*)(\.[0-9]+)?{END}"},
    ),
]
ShownRatio = Annotated[
    str,
    Meta(
        description='a ratio as a decimal string without trailing zeros, such as "1.0825"',
        extra_json_schema={"pattern": rf"^(0|[1-9][0-9]*)(\.[0-9]+)?{END}"},
    ),
]
ShownText = Annotated[str, Meta(description="text of up to 500 characters", extra_json_schema={"maxLength": 500})]
ShownLongText = Annotated[
    str, Meta(description="text of up to 2,000 characters", extra_json_schema={"maxLength": 2000})
]
ShownCode = Annotated[
    str,
    Meta(
        description="a word of up to 64 of a-z 0-9 _",
        extra_json_schema={"pattern": rf"^[a-z0-9_]{{1,64}}{END}"},
    ),
]
ShownNumber = Annotated[int, Meta(description="a whole number from 1", extra_json_schema={"minimum": 1})]
ShownCount = Annotated[int, Meta(description="a whole number from 0", extra_json_schema={"minimum": 0})]
