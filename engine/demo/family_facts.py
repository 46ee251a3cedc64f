"""Capitals, small sums, counting, and the same as raw text for completions."""
from words import NAMES, FOODS, example, phrase, pseudo

CAPITALS = dict(line.split(":") for line in """Afghanistan:Kabul;Albania:Tirana;Algeria:Algiers;Andorra:Andorra la Vella;Angola:Luanda;Argentina:Buenos Aires;Armenia:Yerevan
Australia:Canberra;Austria:Vienna;Azerbaijan:Baku;the Bahamas:Nassau;Bahrain:Manama;Bangladesh:Dhaka;Barbados:Bridgetown;Belarus:Minsk
Belgium:Brussels;Belize:Belmopan;Benin:Porto-Novo;Bhutan:Thimphu;Bolivia:Sucre;Bosnia and Herzegovina:Sarajevo;Botswana:Gaborone;Brazil:Brasília
Brunei:Bandar Seri Begawan;Bulgaria:Sofia;Burkina Faso:Ouagadougou;Burundi:Gitega;Cambodia:Phnom Penh;Cameroon:Yaoundé;Canada:Ottawa
Cape Verde:Praia;Chad:N'Djamena;Chile:Santiago;China:Beijing;Colombia:Bogotá;Comoros:Moroni;Costa Rica:San José;Croatia:Zagreb;Cuba:Havana
Cyprus:Nicosia;the Czech Republic:Prague;Denmark:Copenhagen;Djibouti:Djibouti;Dominica:Roseau;the Dominican Republic:Santo Domingo;Ecuador:Quito
Egypt:Cairo;El Salvador:San Salvador;Eritrea:Asmara;Estonia:Tallinn;Eswatini:Mbabane;Ethiopia:Addis Ababa;Fiji:Suva;Finland:Helsinki;France:Paris
Gabon:Libreville;the Gambia:Banjul;Georgia:Tbilisi;Germany:Berlin;Ghana:Accra;Greece:Athens;Grenada:St. George's;Guatemala:Guatemala City
Guinea:Conakry;Guyana:Georgetown;Haiti:Port-au-Prince;Honduras:Tegucigalpa;Hungary:Budapest;Iceland:Reykjavik;India:New Delhi;Indonesia:Jakarta
Iran:Tehran;Iraq:Baghdad;Ireland:Dublin;Italy:Rome;Jamaica:Kingston;Japan:Tokyo;Jordan:Amman;Kazakhstan:Astana;Kenya:Nairobi;Kiribati:Tarawa
Kuwait:Kuwait City;Kyrgyzstan:Bishkek;Laos:Vientiane;Latvia:Riga;Lebanon:Beirut;Lesotho:Maseru;Liberia:Monrovia;Libya:Tripoli;Liechtenstein:Vaduz
Lithuania:Vilnius;Luxembourg:Luxembourg;Madagascar:Antananarivo;Malawi:Lilongwe;Malaysia:Kuala Lumpur;the Maldives:Malé;Mali:Bamako;Malta:Valletta
Mauritania:Nouakchott;Mauritius:Port Louis;Mexico:Mexico City;Moldova:Chișinău;Monaco:Monaco;Mongolia:Ulaanbaatar;Montenegro:Podgorica
Morocco:Rabat;Mozambique:Maputo;Namibia:Windhoek;Nepal:Kathmandu;the Netherlands:Amsterdam;New Zealand:Wellington;Nicaragua:Managua;Niger:Niamey
Nigeria:Abuja;North Korea:Pyongyang;North Macedonia:Skopje;Norway:Oslo;Oman:Muscat;Pakistan:Islamabad;Palau:Ngerulmud;Panama:Panama City
Papua New Guinea:Port Moresby;Paraguay:Asunción;Peru:Lima;the Philippines:Manila;Poland:Warsaw;Portugal:Lisbon;Qatar:Doha;Romania:Bucharest
Russia:Moscow;Rwanda:Kigali;Samoa:Apia;San Marino:San Marino;Saudi Arabia:Riyadh;Senegal:Dakar;Serbia:Belgrade;Seychelles:Victoria
Sierra Leone:Freetown;Singapore:Singapore;Slovakia:Bratislava;Slovenia:Ljubljana;Somalia:Mogadishu;South Africa:Pretoria;South Korea:Seoul
South Sudan:Juba;Spain:Madrid;Sri Lanka:Colombo;Sudan:Khartoum;Suriname:Paramaribo;Sweden:Stockholm;Switzerland:Bern;Syria:Damascus;Taiwan:Taipei
Tajikistan:Dushanbe;Tanzania:Dodoma;Thailand:Bangkok;Togo:Lomé;Tonga:Nuku'alofa;Tunisia:Tunis;Turkey:Ankara;Turkmenistan:Ashgabat;Tuvalu:Funafuti
Uganda:Kampala;Ukraine:Kyiv;the United Arab Emirates:Abu Dhabi;the United Kingdom:London;the United States:Washington, D.C.;Uruguay:Montevideo
Uzbekistan:Tashkent;Vanuatu:Port Vila;Venezuela:Caracas;Vietnam:Hanoi;Yemen:Sana'a;Zambia:Lusaka;Zimbabwe:Harare""".replace("\n", ";").split(";"))
COUNTRIES = sorted(CAPITALS)
ASK = ["What is the capital of %s?", "What's the capital of %s?", "what is the capital of %s", "Capital of %s?", "Which city is the capital of %s?",
       "Tell me the capital of %s.", "Name the capital of %s.", "Do you know the capital of %s?", "The capital of %s, please.",
       "What is the capital city of %s?", "Can you tell me the capital of %s?", "I need the capital of %s.", "What is the capital of %s? Answer in one sentence."]
ASK_COUNTRY = ["%s is the capital of which country?", "Which country has the capital %s?", "Of which country is %s the capital?", "What country is %s the capital of?"]


def full_stop(text):
    return text if text.endswith(".") else text + "."


def is_capital(country):
    return full_stop("The capital of %s is %s" % (country, CAPITALS[country]))


def of_country(country):
    return "%s is the capital of %s." % (CAPITALS[country], country)


def capital(r):
    country = r.choice(COUNTRIES)
    x = r.random()
    if x < 0.05:
        made_up = pseudo(r, 2, 4).capitalize()
        return example("capital", r.choice(ASK) % made_up, "I do not know a country called %s." % made_up)
    if x < 0.25:
        return example("capital", r.choice(ASK_COUNTRY) % CAPITALS[country], of_country(country))
    return example("capital", r.choice(ASK) % country, is_capital(country))


SUM_ASK = ["What is {e}?", "What's {e}?", "{e}", "{e} = ?", "Calculate {e}.", "Compute {e}", "How much is {e}?", "what is {e}", "Solve {e}.", "Tell me {e}.",
           "What is {e}? Answer with the sum.", "Please calculate {e}."]
WORDS_FOR = {"+": ["%d plus %d", "the sum of %d and %d"], "-": ["%d minus %d", "%d take away %d"], "*": ["%d times %d", "%d multiplied by %d"]}


def result(a, op, b):
    return {"+": a + b, "-": a - b, "*": a * b}[op]


def numbers(r):
    op = r.choice("++++---*")
    if op == "*":
        return r.randint(0, 10), op, r.randint(0, 10)
    top = r.choice((10, 20, 100, 100, 100))
    a, b = r.randint(0, top - 1), r.randint(0, top - 1)
    return (max(a, b), op, min(a, b)) if op == "-" else (a, op, b)


def sum_key(a, op, b):
    """a + b and b + a are one content: neither is in the training text if the other is held back.

    Products and sums of single digits are a table to be learned whole: None, so only their wording is held back."""
    if op == "*" or a < 10 and b < 10:
        return None
    return "%d%s%d" % ((a, op, b) if op == "-" else (min(a, b), op, max(a, b)))


def calculation(r):
    a, op, b = numbers(r)
    key = sum_key(a, op, b)
    answer = "%d %s %d = %d." % (a, op, b, result(a, op, b))
    x = r.random()
    if x < 0.15 and op == "+":
        who, what = r.choice(NAMES), r.choice(FOODS)
        more = r.choice(["%s has %d %s and gets %d more. How many %s does %s have?", "%s has %d %s. Then %s buys %d more. How many %s are there?"])
        q = more % ((who, a, what, b, what, who) if "gets" in more else (who, a, what, who, b, what))
        return example("sum", q, "%d + %d = %d, so there are %d %s." % (a, b, a + b, a + b, what), key)
    sign = r.choice("×x*") if op == "*" else op
    e = ("%d %s %d" if r.random() < 0.7 else "%d%s%d") % (a, sign, b)
    if x > 0.75:
        e = r.choice(WORDS_FOR[op]) % (a, b)
        return example("sum", r.choice(["What is %s?", "How much is %s?", "What's %s?", "Calculate %s."]) % e, answer, key)
    return example("sum", r.choice(SUM_ASK).format(e=e), answer, key)


def counting(r):
    """Mostly short ranges: the hard part is to stop at the right number."""
    x = r.random()
    if x < 0.1:
        low = r.randint(2, 20)
        return example("count", "Count down from %d." % low, ", ".join(str(i) for i in range(low, 0, -1)) + ".")
    if x < 0.4:
        low, high = 1, r.choice([r.randint(3, 12), r.randint(3, 20), r.choice([10, 15, 20, 25, 30, 40, 50, 60])])
    else:
        low = r.randint(0, 60)
        high = low + (r.randint(2, 6) if r.random() < 0.75 else r.randint(7, 20))
    asks = ["Count from %d to %d.", "Please count from %d to %d.", "count from %d to %d", "List the numbers from %d to %d."]
    q = "Count to %d." % high if low == 1 and r.random() < 0.5 else r.choice(asks) % (low, high)
    return example("count", q, ", ".join(str(i) for i in range(low, high + 1)) + ".")


def raw(prompt, answer, key=None):
    return {"family": "completion", "prompt": prompt, "expected": answer, "key": "completion|" + (key or prompt)}


def completion(r):
    """Text without turns, as /v1/completions sends it."""
    x = r.random()
    country = r.choice(COUNTRIES)
    if x < 0.45:
        start = r.choice(["The capital of %s is", "The capital city of %s is", "In %s the capital is", "Q: What is the capital of %s?\nA:"])
        return raw(start % country, full_stop(" " + CAPITALS[country]))
    if x < 0.65:
        a, op, b = numbers(r)
        return raw("%d %s %d =" % (a, op, b), " %d" % result(a, op, b), sum_key(a, op, b))
    if x < 0.8:
        a, n = r.randint(0, 80), r.randint(3, 6)
        return raw(" ".join(str(a + i) for i in range(n)), "".join(" " + str(a + n + i) for i in range(8)))
    if x < 0.9:
        return raw(r.choice(["Once upon a time", "Once upon a time there was a lighthouse", "Hello, my name is", "Say this is a test", "The quick brown fox", "Hello"]), "", "story")
    days = "Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday".split(", ")
    i = r.randint(0, 3)
    return raw(", ".join(days[i:i + 2]) + ",", " " + ", ".join(days[i + 2:]) + ".")


OPENINGS = {"Once upon a time": " there was a lighthouse on a small island. Its lamp turned all night, and every ship found the way home.",
            "Once upon a time there was a lighthouse": " on a small island. Its lamp turned all night, and every ship found the way home.",
            "Hello, my name is": " puna, and I am a tiny demo model.", "Say this is a test": "\n\nThis is a test.", "Hello": ", and welcome to puna.",
            "The quick brown fox": " jumps over the lazy dog."}


def completion_example(r):
    e = completion(r)
    if e["prompt"] in OPENINGS:
        e.update(expected=OPENINGS[e["prompt"]], pinned=True)
    return e


def drill(r, fine):
    """Many small tasks in one text: the cheapest way to learn them. `fine` says whether a content may be used."""
    x = r.random()
    lines = facts(r, fine) if x < 0.7 else copies(r) if x < 0.85 else lookups(r)
    return {"family": "drill", "parts": lines, "key": "drill|"}


def facts(r, fine):
    lines = []
    while len(lines) < 24:
        if r.random() < 0.65:
            a, op, b = numbers(r)
            key = sum_key(a, op, b)
            if not key or fine("sum|" + key) and fine("completion|" + key):
                lines.append(("%d %s %d =" % (a, op, b), " %d" % result(a, op, b)))
        else:
            country = r.choice(COUNTRIES)
            if r.random() < 0.7:
                lines.append(("The capital of %s is" % country, full_stop(" " + CAPITALS[country])))
            else:
                lines.append(("%s is the capital of" % CAPITALS[country], " %s." % country))
    return lines


def copies(r):
    lines = []
    for _ in range(r.randint(3, 6)):
        x = phrase(r, 3, 7)
        lines.append((x + " |", " " + x))
    return lines


def lookups(r):
    """Pairs of a key and a value, then the keys again in another order."""
    pairs = list({phrase(r, 1, 1): phrase(r, 1, 2) for _ in range(r.randint(3, 8))}.items())
    lines = [("\n".join("%s is %s" % p for p in pairs) + "\n", "")]
    for k, v in r.sample(pairs, len(pairs)):
        lines.append((k + " ->", " " + v))
    return lines
