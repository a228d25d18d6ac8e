"""What stands where something else was expected: values to stumble over, and whole inputs that are nothing else."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Raw:
    """Text that goes into JSON as it is, whether or not it is any."""

    text: str


def _nested(depth: int, inner: object = 1) -> object:
    for _ in range(depth):
        inner = [inner]
    return inner


NUMBERS: Final = (
    *(0, -1, 1, 7, 10_000, 10_001, 2**31, 2**53, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**400),
    *(0.5, -0.5, 1e-320, 1.7976931348623157e308, -1e300),
    *map(Raw, ("1e999", "-1e999", "1e-999", "NaN", "Infinity", "-Infinity", "-0", "-0.0", "1E400", "01", "1.", "+1")),
    *map(Raw, ("9" * 19, "9" * 20, "9" * 5_000, "0." + "1" * 5_000, "1e" + "9" * 40, "-" * 30)),
)
TEXTS: Final = (
    *(
        "",
        " ",
        "\t",
        "\x00",
        "a\x00b",
        "\x1b[2Jgone",
        "\r\nset-cookie: a=b",
        "\u202eesrever",
        "\ufeff",
        "\u2028",
        "\u200b" * 50,
    ),
    *(
        "é",
        "e\u0301" * 40,
        "晩",
        "\U0001f469\u200d\U0001f467" * 20,
        "\ufffe",
        "\U0010ffff",
        "\u0661\u0662",
        "\uff11\uff10 %",
        "\uff48\uff49\uff42\uff41\uff52\uff49",
        "\ufdfa",
    ),
    *("x" * 41, "x" * 129, "x" * 201, "x" * 1_001, "x" * 2_001, "x" * 70_000, "\\" * 300, '"' * 300, "\x7f" * 9_000),
    *("a" + "." * 4_095, "a" + "." * 2_047 + "'" * 2_048, "a" + "\u0301" * 4_095, "a" + "\n" * 4_094 + "b"),
    *(
        "../../../etc/passwd",
        "/dev/stdin",
        "'; DROP TABLE journal; --",
        "${jndi:ldap://a/b}",
        "{{7*7}}",
        "%s%n%x",
        "__class__",
    ),
    *(
        "null",
        "true",
        "NaN",
        "-1",
        "1e999",
        "0x10",
        "1_000",
        "999999999999d",
        "1h 1h 1h",
        "-5 %",
        "100.001 %",
        "24:01",
        "5%%",
    ),
    *(
        "2026-13-45T99:99:99Z",
        "9999-12-31T23:59:59.999999999+23:59",
        "0001-01-01T00:00:00Z",
        "2026-03-03",
        "2026-W10-2T00Z",
    ),
    *(
        "http://",
        "https://[::1",
        "http://a b/",
        "host:port",
        "host:99999",
        ":1",
        "a" * 300 + ":1",
        "[::1]:8000",
        "(((" * 20 + "a+" * 20,
    ),
    *map(Raw, ('"\\ud800"', '"\\udfff\\ud800"', '"\\u0000"', '"\\u00"', '"\\x41"', '"a\nb"', '"', "'a'")),
)
SHAPES: Final[tuple[object, ...]] = (
    *(None, True, False, [], {}, [[]], [{}], {"": None}, [None] * 3, ["x"] * 101, [0] * 3_000, list(range(70))),
    *(
        _nested(30),
        _nested(33),
        _nested(100),
        {"a": {"a": {"a": {}}}},
        {f"k{n}": n for n in range(300)},
        {"x" * 300: "y" * 300},
    ),
    *(
        Raw("[" * 3_000),
        Raw("[" * 900 + "]" * 900),
        Raw('{"a":' * 900 + "1" + "}" * 900),
        Raw("{,}"),
        Raw("[1,]"),
        Raw(""),
    ),
)
VALUES: Final[tuple[object, ...]] = (*NUMBERS, *TEXTS, *SHAPES)
KEYS: Final = (
    "",
    "a",
    "__proto__",
    "x" * 300,
    "\x00",
    "\x1b[2J",
    "a.b",
    "0",
    "service",
    "type",
    "id",
    "é" * 90,
    "data",
    "{}",
)

_MANY: Final = 100_000

BOMBS: Final = (
    *(b"", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf{}", b" " * _MANY, b"\n" * _MANY, b"null", b"0", b'""', b"[]", b"{}"),
    *(b"[" * _MANY, b"[" * _MANY + b"]" * _MANY, b'{"a":' * 30_000, b'{"a":' * 20_000 + b"1" + b"}" * 20_000),
    *(b'[{"a":' * 20_000, b"9" * _MANY, b"-" * _MANY, b"0." + b"0" * _MANY, b"1e" + b"9" * _MANY, b'"' + b"x" * _MANY),
    *(b'"' + b"x" * _MANY + b'"', b'"' + b"\\u0041" * 20_000 + b'"', b'"' + b"\\ud800" * 20_000 + b'"', b"\\" * _MANY),
    *(b"[" + b"0," * 60_000 + b"0]", b"[" + b"{}," * 40_000 + b"{}]", b"[" + b'"\\u0000",' * 12_000 + b"0]"),
    b"{" + b",".join(b'"k%d":0' % number for number in range(12_000)) + b"}",
    b"{" + b",".join(b'"k":0' for _ in range(20_000)) + b"}",
    b"{" + b'"' + b"k" * _MANY + b'":1,"' + b"k" * _MANY + b'":2}',
)
"""Whole inputs, up to some 200 KB: as long and as deep as a sender gets for a message's price."""

YAML_BOMBS: Final = (
    b"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nsteps: [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n",
    b"a: &a {b: 1}\nc:\n  <<: *a\n",
    b"<<: {steps: []}\n",
    b"<<: [" + b"{a: 1}," * 9_000 + b"]\n",
    *(
        b"!!python/object/apply:os.system ['true']",
        b"!!binary aGk=",
        b"!!set {a, b}",
        b"!!timestamp 2026-01-01",
        b"!x y",
    ),
    *(
        b"%YAML 9.9\n---\na: 1\n",
        b"%TAG ! tag:x,2000:\n---\n!a b\n",
        b"---\na: 1\n---\nb: 2\n",
        b"...\n",
        b"? a\n: b\n",
        b"? [a]\n: b\n",
    ),
    *(
        b"steps: 17:30:59\n",
        b"steps: 0o17\n",
        b"steps: 1_000\n",
        b"steps: .inf\n",
        b"steps: .nan\n",
        b"steps: 2026-01-01\n",
        b"steps: on\n",
    ),
    *(
        b"a:\n\t- b\n",
        b"a: |\n  x\n y\n",
        b"a: >9\n  x\n",
        b"a: 'x\n",
        b'a: "\\xzz"\n',
        b"- " * 60_000,
        b"? " * 60_000,
        b": " * 60_000,
    ),
    *(
        b"{" * 60_000,
        b"[" * 60_000 + b"]" * 60_000,
        b"&a " * 40_000,
        b"*a " * 40_000,
        b"!a " * 40_000,
        b"# x\n" * 30_000,
    ),
    b"\n".join(b"k%d: 0" % number for number in range(12_000)),
    b"{" + b",".join(b"k%d" % number for number in range(15_000)) + b"}",
    b"\n".join(b"k: 0" for _ in range(20_000)),
    b"steps:\n" + b"  - {weight: 5 %, hold: 1h}\n" * 4_000,
    b"steps: [" + b"{weight: 5 %, hold: 1h}," * 4_000 + b"]\n",
    b"a: " + b"x" * 120_000,
    b"a: '" + b"''" * 60_000 + b"'",
    b"a: |\n" + b"  x\n" * 30_000,
    b"\n".join(b" " * number + b"a:" for number in range(480)),
)
