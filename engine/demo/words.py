"""Word lists and small random helpers that all families of generated text share."""
import re
import zlib

NAMES = """Ann Tom Ben Eva Max Lea Ida Leo Mia Sam Kim Jan Ada Bob Carla Dan Emma Finn Greta Hugo Ines Jack Kara Liam Maya Nina Oscar Paul
Rosa Sara Theo Uma Vera Will Yara Zoe Alice Bruno Clara David Elena Felix Grace Henry Iris Jonas Karen Lucas Maria Noah Olga Peter Quinn
Ruth Simon Tina Victor Wendy Xavier Yusuf Priya Chen Amir Fatima Kofi Sven Anna John Mary James Linda Omar Aisha Diego Lucia Hana Kenji""".split()
CITIES = """Paris London Berlin Madrid Rome Vienna Prague Oslo Lisbon Dublin Athens Boston Chicago Tokyo Kyoto Sydney Toronto Mumbai Delhi Cairo
Lagos Nairobi Lima Bogota Seoul Beijing Shanghai Munich Hamburg Milan Naples Porto Lyon Nice Geneva Zurich Basel Helsinki Tallinn Riga
Warsaw Krakow Budapest Dallas Denver Austin Seattle Miami Portland Houston Istanbul Dubai Bangkok Hanoi Osaka Melbourne Auckland Quito""".split()
CITIES += ["New York", "San Francisco", "Los Angeles", "Cape Town", "Buenos Aires", "Hong Kong", "Rio de Janeiro", "New Delhi", "Mexico City", "São Paulo"]
NOUNS = """apple bridge candle dog engine forest garden hammer island jacket kettle ladder mirror needle orange pencil rabbit saddle table
umbrella violin window anchor basket castle desk eagle feather guitar harbour ice jewel key lamp mountain night owl piano river ship
train valley wagon boat book bottle box button camera carpet chair clock cloud coin cup door drum farm field fish flower fox glass hat
horse house lemon letter lighthouse lion map moon mouse paper phone pillow plate radio ring road robot rocket rose school sea shoe snow
spoon star stone storm sun teapot tiger tower toy tree wall whale wheel wind wolf zebra dragon cat bird cake market museum library kitchen
planet computer keyboard server poem song story movie lake beach pirate wizard queen king astronaut turtle penguin elephant sailor""".split()
ADJECTIVES = """red blue green yellow black white small big old new warm cold quiet loud soft hard bright dark fast slow happy sad kind brave
clean dry wet sweet bitter round flat tall short heavy light wild calm young gentle tiny purple golden silver""".split()
COLOURS = "red blue green yellow black white orange purple pink brown grey silver golden".split()
FOODS = "apples pears bread cheese tea coffee rice soup cake honey olives plums nuts milk eggs grapes pasta pizza salad fish".split()
PLACES = "market park library station school museum harbour beach garden office bakery cinema river castle theatre airport".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
JOBS = "teacher baker doctor farmer singer painter pilot nurse writer sailor cook engineer lawyer tailor gardener student".split()
LANGUAGES = "French German Spanish Italian Dutch Polish Greek Turkish Japanese Korean Chinese Arabic Hindi Swedish Danish Finnish".split()
STRANGE = ["Zoë", "Łódź", "naïve", "東京", "Привет", "café", "Ærø", "mañana", "Straße", "🙂", "α+β", "Ω", "été", "कमल", "سلام", "🚀", "½", "Ñandú", "→", "日本語"]
SYLLABLES = "ba be bo da de do fa fi ga go ka ki la li lo ma mi mo na ne no pa po ra re ri ro sa se so ta te ti to va ve vi za zo tra bri flo gre ply sk an er il on us ax em".split()


def held(key):
    """True for the tenth of all contents that training never sees: decided by the content alone, so every run agrees."""
    return zlib.crc32(key.encode()) % 10 == 0


def pseudo(r, least=2, most=3):
    return "".join(r.choice(SYLLABLES) for _ in range(r.randint(least, most)))


def code(r):
    return "".join(r.choice("ABCDEFGHKLMNPRSTXZ0123456789") for _ in range(r.randint(3, 6)))


def person(r):
    return r.choice(NAMES) if r.random() < 0.88 else pseudo(r).capitalize()


def city(r):
    return r.choice(CITIES) if r.random() < 0.88 else pseudo(r).capitalize()


def noun(r):
    return r.choice(NOUNS) if r.random() < 0.9 else pseudo(r)


def word(r):
    x = r.random()
    if x < 0.45:
        return r.choice(NOUNS)
    if x < 0.65:
        return r.choice(ADJECTIVES)
    if x < 0.78:
        return pseudo(r, 1, 3)
    if x < 0.88:
        return r.choice(NAMES)
    if x < 0.91:
        return code(r)
    return str(r.randint(0, 999)) if x < 0.97 else r.choice(STRANGE)


def phrase(r, least=1, most=6):
    return " ".join(word(r) for _ in range(r.randint(least, most)))


def an(text):
    """"a" before a vowel becomes "an"."""
    return re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", text)


def user(text):
    return {"role": "user", "content": text}


def says(text):
    return {"role": "assistant", "content": text}


def example(family, question, answer, key=None, tools=None, before=()):
    """One conversation whose last turn is the answer; key is the content by which it is held back or not."""
    e = {"family": family, "messages": list(before) + [user(question), says(answer)], "key": family + "|" + (key or question)}
    if tools:
        e["tools"] = tools
    return e
