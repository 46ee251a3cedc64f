"""Rewriting and summarising short sentences, and repeating text of any kind."""
from words import ADJECTIVES, DAYS, FOODS, JOBS, NAMES, NOUNS, PLACES, STRANGE, an, code, example, noun, person, phrase, pseudo, word

REPEAT = ["Repeat: {x}", "Repeat exactly: {x}", "Repeat after me: {x}", "Echo: {x}", "Copy this text: {x}", "Please repeat this: {x}", 'Say "{x}"', 'Say "{x}".',
          'Repeat the text "{x}".', "Say {x}", "Print {x}", "Say only: {x}", "Say exactly this: {x}", "Write the following: {x}", 'Answer with "{x}".', "Reply with {x}"]


def anything(r):
    x = r.random()
    if x < 0.6:
        return phrase(r, 1, 6)
    if x < 0.8:
        return r.choice([fact, simple])(r)[0]
    if x < 0.84:
        return "-".join(code(r) for _ in range(r.randint(1, 2)))
    if x < 0.9:
        return " ".join(pseudo(r, 1, 3) for _ in range(r.randint(1, 3)))
    if x < 0.94:
        return " ".join(r.choice(STRANGE) for _ in range(r.randint(1, 3)))
    return "%s@%s.%s" % (pseudo(r), pseudo(r), r.choice(["com", "org", "net"])) if x < 0.97 else "(%s) %s, %s; %s!" % tuple(r.choice(NOUNS) for _ in range(4))


def repeat(r):
    x = anything(r)
    return example("repeat", r.choice(REPEAT).format(x=x), x)


# base, third person, past; each with what may follow it.
VERBS = [v.split() for v in """walk walks walked|work works worked|play plays played|wait waits waited|cook cooks cooked|paint paints painted|read reads read
sleep sleeps slept|sing sings sang|run runs ran|eat eats ate|dance dances danced|swim swims swam|write writes wrote|rest rests rested|sit sits sat
speak speaks spoke|stay stays stayed|study studies studied|smile smiles smiled""".replace("\n", "|").split("|")]
TAKES = [v.split() for v in """like likes liked|buy buys bought|sell sells sold|make makes made|find finds found|want wants wanted|need needs needed|bring brings brought
carry carries carried|see sees saw|love loves loved|take takes took|lose loses lost|clean cleans cleaned|paint paints painted""".replace("\n", "|").split("|")]


def simple(r):
    """A sentence as (present, past, question, negative)."""
    who = person(r) if r.random() < 0.6 else "the " + r.choice(JOBS)
    if r.random() < 0.5:
        base, third, past = r.choice(VERBS)
        rest = r.choice(["in the ", "near the ", "at the "]) + r.choice(PLACES)
    else:
        base, third, past = r.choice(TAKES)
        rest = r.choice([lambda: r.choice(FOODS), lambda: "the %s %s" % (r.choice(ADJECTIVES), noun(r)), lambda: "a " + r.choice(ADJECTIVES[:6]) + " " + noun(r)])()
    Who = who[0].upper() + who[1:]
    rest = an(rest)
    return ("%s %s %s." % (Who, third, rest), "%s %s %s." % (Who, past, rest), "Does %s %s %s?" % (who, base, rest), "%s does not %s %s." % (Who, base, rest))


def fact(r):
    text = r.choice(["The {n} is {a}.", "{p} has a {a} {n}.", "The {a} {n} is in the {q}.", "{p} and {o} are in the {q}.", "On {d} we go to the {q}.", "My {n} is {a}."])
    return (an(text.format(n=noun(r), a=r.choice(ADJECTIVES), p=person(r), o=person(r), q=r.choice(PLACES), d=r.choice(DAYS))),)


def ask(r, wordings, text):
    q = r.choice(wordings)
    return q.format(x=text)


ORDERS = """Open the {n}|Close the {n}|Give me the {a} {n}|Bring me some {f}|Wait at the {q}|Call {p}|Come to the {q} on {d}|Send me the {n}|Help {p}|Clean the {n}
Buy some {f}|Show me the {q}|Take the {n} to {p}|Read the {n}|Sit down|Stop|Be quiet|Tell {p} about the {n}""".replace("\n", "|").split("|")
POLITE = ["Make this polite: {x}", "Say this politely: {x}", "Rewrite politely: {x}", "Rewrite this sentence politely: {x}", "Make this sentence more polite: {x}"]
PAST = ["Put this into the past tense: {x}", "Rewrite in the past tense: {x}", "Past tense: {x}", "Change this sentence to the past tense: {x}", "Rewrite this sentence in the past tense: {x}"]
QUESTION = ["Turn this into a question: {x}", "Make a question of this: {x}", "Rewrite as a question: {x}", "Rewrite this sentence as a question: {x}"]
NEGATIVE = ["Make this negative: {x}", "Rewrite in the negative: {x}", "Negate this sentence: {x}", "Say the opposite: {x}"]
REVERSE = ["Reverse the words: {x}", "Reverse the order of the words: {x}", "Write the words in reverse order: {x}", "Say these words backwards: {x}"]
REPLACE = ['Replace "{a}" with "{b}": {x}', "Replace {a} by {b}: {x}", "Put {b} in place of {a}: {x}", 'Change "{a}" to "{b}" in this sentence: {x}']
LIST = ["Write as a list: {x}", "Make a list of: {x}", "Turn this into a bullet list: {x}", "List these items, one per line: {x}"]


def rewrite(r):
    x = r.random()
    if x < 0.2:
        order = r.choice(ORDERS).format(n=noun(r), a=r.choice(ADJECTIVES), f=r.choice(FOODS), q=r.choice(PLACES), p=person(r), d=r.choice(DAYS))
        return example("rewrite", ask(r, POLITE, order + "."), "Could you please %s?" % (order[0].lower() + order[1:]), "polite " + order)
    if x < 0.62:
        s = simple(r)
        which = r.choice((1, 1, 2, 3))
        return example("rewrite", ask(r, {1: PAST, 2: QUESTION, 3: NEGATIVE}[which], s[0]), s[which], "%d %s" % (which, s[0]))
    if x < 0.76:
        ws = [word(r) for _ in range(r.randint(2, 5))]
        return example("rewrite", ask(r, REVERSE, " ".join(ws)), " ".join(ws[::-1]), "reverse " + " ".join(ws))
    if x < 0.9:
        text = r.choice([simple, fact])(r)[0]
        old, new = r.choice(text.rstrip(".").split()), word(r)
        if text.split().count(old) + text.split().count(old + ".") > 1 or old in ("a", "is", "in", "the", "The"):
            return rewrite(r)
        changed = " ".join(new if w == old else new + "." if w == old + "." else w for w in text.split())
        return example("rewrite", r.choice(REPLACE).format(a=old, b=new, x=text), changed, "replace %s %s %s" % (old, new, text))
    items = [noun(r) for _ in range(r.randint(2, 5))]
    return example("rewrite", ask(r, LIST, ", ".join(items)), "\n".join("- " + i for i in items), "list " + " ".join(items))


SUMMARISE = ["Summarise: {x}", "Summarize: {x}", "Summarise this in one sentence: {x}", "Summarize this text: {x}", "Summarize in one sentence: {x}", "Give me a short summary: {x}",
             "Summarize the following text: {x}", "TL;DR: {x}", "Please summarise this text: {x}"]
PLOTS = [("{p} went to the {q}. There {p} bought {f}. Then {p} went home.", "{p} bought {f} at the {q}."),
         ("{p} lives near the {q}. Every {d} {p} meets {o} there. They like it very much.", "{p} and {o} meet at the {q} every {d}."),
         ("The {n} was {a}. Nobody liked it. So {p} painted it {b}.", "{p} painted the {a} {n} {b}."),
         ("{p} is a {j}. {p} works at the {q}. On {d} {p} does not work.", "{p} is a {j} at the {q} and is free on {d}."),
         ("{p} lost a {n}. {o} looked for it all day. At last {o} found it at the {q}.", "{o} found the {n} of {p} at the {q}."),
         ("It rained on {d}. {p} and {o} wanted to go to the {q}. They stayed at home and ate {f}.", "{p} and {o} stayed at home on {d} because it rained."),
         ("{p} wanted a {n}. It was too dear. {o} gave {p} an old one.", "{o} gave {p} an old {n}."),
         ("The {q} is closed on {d}. {p} did not know that. {p} stood before the door and went home again.", "{p} found the {q} closed on {d}."),
         ("{p} made {f} for {o}. {o} said it was very good. Tomorrow {o} will cook for {p}.", "{p} and {o} cook for each other.")]


def summary(r):
    text, short = r.choice(PLOTS)
    p, o = r.sample(NAMES, 2) if r.random() < 0.8 else (person(r), person(r))
    slots = dict(p=p, o=o, q=r.choice(PLACES), f=r.choice(FOODS), n=noun(r), a=r.choice(ADJECTIVES), b=r.choice(ADJECTIVES[:6]), j=r.choice(JOBS), d=r.choice(DAYS))
    text = an(text.format(**slots))
    return example("summary", r.choice(SUMMARISE).format(x=text), an(short.format(**slots)), text)
