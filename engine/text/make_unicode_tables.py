"""Writes char_class.inc and characters.inc: what the program knows about characters, all of it from one Unicode version.

python3 make_unicode_tables.py VERSION FOLDER    (in this folder)

FOLDER holds UnicodeData.txt, PropList.txt, DerivedCoreProperties.txt, SpecialCasing.txt and Unihan_NumericValues.txt of
the Unicode Character Database; VERSION is theirs and goes into the output as it is.

char_class.inc: letter, number, white space or other, for the pre-tokenizer: two bits a code point, in blocks of 128,
equal blocks stored once. characters.inc: what Python's str methods say (Objects/unicodectype.c and makeunicodedata.py of
CPython name the properties), as sorted ranges.
"""
import os
import sys

OTHER, LETTER, NUMBER, SPACE = range(4)
BLOCK = 128
SURROGATES = range(0xD800, 0xE000)


class Database:
    def __init__(self, folder):
        self.folder = folder
        self.category = ["Cn"] * 0x110000
        self.upper, self.lower, self.title = {}, {}, {}
        self.digits, self.numerics = set(), set()
        self.read_unicode_data()
        self.special = {"lower": {}, "title": {}, "upper": {}}
        for fields in self.lines("SpecialCasing.txt"):
            if len(fields) == 5 and not fields[4]:  # without a condition
                for kind, text in zip(("lower", "title", "upper"), fields[1:4]):
                    self.special[kind][int(fields[0], 16)] = [int(c, 16) for c in text.split()]
        for line in open(os.path.join(folder, "Unihan_NumericValues.txt"), encoding="utf-8"):
            code, *fields = line.split()[:2] or ["#"]
            if code.startswith("U+") and fields[0] in ("kAccountingNumeric", "kOtherNumeric", "kPrimaryNumeric"):
                self.numerics.add(int(code[2:], 16))

    def lines(self, name):
        for line in open(os.path.join(self.folder, name), encoding="utf-8"):
            fields = [f.strip() for f in line.split("#")[0].split(";")]
            if fields[0]:
                yield fields

    def read_unicode_data(self):
        first = None  # the large ranges are given by a First and a Last line
        for fields in self.lines("UnicodeData.txt"):
            code = int(fields[0], 16)
            if fields[1].endswith(", First>"):
                first = code
                continue
            for c in range(code if first is None else first, code + 1):
                self.category[c] = fields[2]
            first = None
            if fields[7]:
                self.digits.add(code)
            if fields[8]:
                self.numerics.add(code)
            for table, text in ((self.upper, fields[12]), (self.lower, fields[13]), (self.title, fields[14] or fields[12])):
                if text:
                    table[code] = int(text, 16)

    def with_property(self, name, wanted):
        found = set()
        for fields in self.lines(name):
            if fields[1] == wanted:
                ends = [int(x, 16) for x in fields[0].split("..")]
                found.update(range(ends[0], ends[-1] + 1))
        return found

    def mapped(self, kind, c):
        """c in upper, lower or title case: a list of characters."""
        return self.special[kind].get(c) or [getattr(self, kind).get(c, c)]


def every():
    return (c for c in range(0x110000) if c not in SURROGATES)


def ranges(belongs):
    found = []
    for c in filter(belongs, every()):
        if found and found[-1][1] == c - 1:
            found[-1][1] = c
        else:
            found.append([c, c])
    return ["{0x%X, 0x%X}" % tuple(r) for r in found]


def stepped(delta_of):
    """Runs of characters that move by the same distance, one or two apart: capitals and small letters often alternate."""
    found = []
    for c in every():
        delta = delta_of(c)
        if delta is None:
            continue
        if found:
            first, last, step, d = found[-1]
            if d == delta and c - last in (1, 2) and (first == last or c - last == step):
                found[-1] = (first, c, c - last, d)
                continue
        found.append((c, c, 1, delta))
    return ["{0x%X, 0x%X, %d, %d}" % row for row in found]


def steps(data, kind):
    def delta_of(c):
        to = data.mapped(kind, c)
        return to[0] - c if len(to) == 1 and to[0] != c else None
    return stepped(delta_of)


def specials(data, kind, usual):
    """Characters that become several, or (where there is a usual form) another one than that."""
    rows = []
    for c in every():
        to = data.mapped(kind, c)
        if len(to) != 1 if usual is None else to != data.mapped(usual, c):
            text = "".join(map(chr, to)).encode()
            rows.append('{0x%X, "%s"}' % (c, "".join("\\x%02x" % b for b in text)))
    return rows


def write_rows(out, rows, width=115):
    line = "   "
    for row in rows:
        if len(line) + len(row) + 2 > width:
            print(line, file=out)
            line = "   "
        line += " " + row + ","
    print(line, file=out)


def write_classes(data, version, out):
    table = bytearray(0x110000)
    for c, category in enumerate(data.category):
        table[c] = {"L": LETTER, "N": NUMBER}.get(category[0], OTHER)
    for c in data.with_property("PropList.txt", "White_Space"):
        assert table[c] == OTHER, "white space is neither letter nor number"
        table[c] = SPACE
    blocks, index = {}, []
    for start in range(0, len(table), BLOCK):
        block = table[start:start + BLOCK]
        packed = tuple(sum(block[i + k] << (2 * k) for k in range(4)) for i in range(0, BLOCK, 4))
        index.append(blocks.setdefault(packed, len(blocks)))
    assert len(blocks) <= 256
    print("// Generated by make_unicode_tables.py from the Unicode Character Database %s. Do not edit." % version, file=out)
    print("inline constexpr char kUnicodeVersion[] = \"%s\";" % version, file=out)
    print("inline constexpr uint8_t kClassBlockOf[%d] = {" % len(index), file=out)
    write_rows(out, [str(i) for i in index])
    print("};\ninline constexpr uint8_t kClassBlocks[%d][%d] = {" % (len(blocks), BLOCK // 4), file=out)
    for block in blocks:
        print("    {" + ", ".join(str(v) for v in block) + "},", file=out)
    print("};", file=out)


def write_characters(data, version, out):
    capitals, smalls = (data.with_property("DerivedCoreProperties.txt", p) for p in ("Uppercase", "Lowercase"))
    printable = {c for c in every() if data.category[c][0] not in "CZ"} | {0x20}
    tables = [
        ("CodePointRange", "kAlphaRanges", ranges(lambda c: data.category[c][0] == "L")),
        ("CodePointRange", "kDigitRanges", ranges(lambda c: c in data.digits)),
        ("CodePointRange", "kNumericRanges", ranges(lambda c: c in data.numerics and c not in data.digits)),
        ("CodePointRange", "kUnprintableRanges", ranges(lambda c: c not in printable)),
        ("CaseStep", "kUpperLetters", stepped(lambda c: 0 if c in capitals else None)),
        ("CaseStep", "kLowerLetters", stepped(lambda c: 0 if c in smalls else None)),
        ("CaseStep", "kUpperSteps", steps(data, "upper")),
        ("CaseStep", "kLowerSteps", steps(data, "lower")),
        ("CaseSpecial", "kUpperSpecials", specials(data, "upper", None)),
        ("CaseSpecial", "kLowerSpecials", specials(data, "lower", None)),
        ("CaseSpecial", "kTitleSpecials", specials(data, "title", "upper")),
    ]
    print("// Generated by make_unicode_tables.py from the Unicode Character Database %s. Do not edit." % version, file=out)
    for kind, name, rows in tables:
        print("constexpr %s %s[] = {" % (kind, name), file=out)
        write_rows(out, rows)
        print("};", file=out)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    version, data = sys.argv[1], Database(sys.argv[2])
    with open("char_class.inc", "w", encoding="ascii") as out:
        write_classes(data, version, out)
    with open("characters.inc", "w", encoding="ascii") as out:
        write_characters(data, version, out)


if __name__ == "__main__":
    main()
