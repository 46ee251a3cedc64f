"""Answers as JSON: with keys named in the question, in a schema, or after a system message that asks for JSON."""
from chat import dumps
from family_facts import ASK, CAPITALS, COUNTRIES, calculation, numbers, sum_key
from family_talk import outside, talk
from words import ADJECTIVES, CITIES, COLOURS, DAYS, FOODS, JOBS, NOUNS, PLACES, city, code, example, noun, person, pseudo, says

# A key, its JSON type, a maker of values, and how a sentence says it.
FIELDS = [("name", "string", person, "the name is {}"), ("age", "integer", lambda r: r.randint(1, 99), "the age is {}"), ("city", "string", city, "the city is {}"),
          ("colour", "string", lambda r: r.choice(COLOURS), "the colour is {}"), ("color", "string", lambda r: r.choice(COLOURS), "the color is {}"),
          ("price", "number", lambda r: r.choice([r.randint(1, 200), r.randint(1, 99) + r.choice([0.5, 0.25, 0.75])]), "the price is {}"), ("day", "string", lambda r: r.choice(DAYS), "the day is {}"),
          ("job", "string", lambda r: r.choice(JOBS), "the job is {}"), ("size", "string", lambda r: r.choice(["small", "big", "tall", "short"]), "the size is {}"),
          ("count", "integer", lambda r: r.randint(0, 500), "the count is {}"), ("title", "string", lambda r: "The %s %s" % (r.choice(ADJECTIVES).capitalize(), r.choice(NOUNS).capitalize()), "the title is {}"),
          ("author", "string", person, "the author is {}"), ("year", "integer", lambda r: r.randint(1800, 2030), "the year is {}"), ("place", "string", lambda r: r.choice(PLACES), "the place is {}"),
          ("id", "string", code, "the id is {}"), ("open", "boolean", lambda r: r.random() < 0.5, "open is {}"), ("animal", "string", noun, "the animal is {}"), ("food", "string", lambda r: r.choice(FOODS), "the food is {}"),
          ("active", "boolean", lambda r: r.random() < 0.5, "active is {}"), ("score", "integer", lambda r: r.randint(0, 100), "the score is {}"), ("quantity", "integer", lambda r: r.randint(1, 50), "the quantity is {}"),
          ("item", "string", noun, "the item is {}")]
PROMPTS = ["Answer as JSON with keys {k}: {s}", "Give me this as JSON with keys {k}: {s}", "Extract {k} as JSON: {s}", "JSON with the keys {k}, please: {s}", "{s} Return JSON with keys {k}.",
           "{s} Give me JSON with the keys {k}.", "Return a JSON object with {k}. {s}", "Write as JSON ({k}): {s}"]
SYSTEM_JSON = ["Answer only with JSON.", "Reply in JSON.", "You are a helpful assistant that answers in JSON.", "You are a helpful assistant designed to output JSON.", "Respond with a JSON object.",
               "Extract the information as JSON.", "Extract the event information."]


def spoken(value):
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def joined(parts):
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def random_field(r):
    """Mostly the known keys; sometimes one made up, so that keys are copied and not remembered."""
    if r.random() < 0.85:
        return r.choice(FIELDS)
    key = pseudo(r) if r.random() < 0.7 else pseudo(r, 1, 2) + "_" + r.choice(NOUNS)
    if r.random() < 0.4:
        return key, "integer", lambda r: r.randint(0, 999), "the " + key + " is {}"
    return key, "string", lambda r: noun(r) if r.random() < 0.6 else pseudo(r), r.choice(["the " + key + " is {}", key + " is {}"])


def fields(r, least=1, most=3):
    chosen = {f[0]: f for f in (random_field(r) for _ in range(r.randint(least, most)))}
    return [(k, t, make(r), say) for k, t, make, say in chosen.values()]


def sentence(fs):
    s = joined([say.format(spoken(v)) for _, _, v, say in fs])
    return s[0].upper() + s[1:] + "."


def from_fields(r):
    fs = fields(r)
    spoken_order = r.sample(fs, len(fs)) if r.random() < 0.3 else fs
    keys = r.choice([joined, ", ".join])([f[0] for f in fs])
    s = sentence(spoken_order)
    return example("json", r.choice(PROMPTS).format(k=keys, s=s), dumps({f[0]: f[2] for f in fs}), s)


def people(r):
    """Ordinary sentences, with keys given or not."""
    p, age, c, j = person(r), r.randint(2, 99), city(r), r.choice(JOBS)
    text, value = r.choice([("{p} is {a}.", dict(name=p, age=age)), ("{p} is {a} years old.", dict(name=p, age=age)), ("{p} is {a} years old and lives in {c}.", dict(name=p, age=age, city=c)),
                            ("{p} lives in {c}.", dict(name=p, city=c)), ("{p}, {a}, is a {j} in {c}.", dict(name=p, age=age, job=j, city=c)), ("{p} is a {j}.", dict(name=p, job=j)),
                            ("{p} from {c} is {a} years old.", dict(name=p, city=c, age=age))])
    text = text.format(p=p, a=age, c=c, j=j)
    keys = r.choice([joined, ", ".join])(list(value))
    ask = r.choice(PROMPTS + ["Give me the person as JSON with keys {k}: {s}", "Describe the person as JSON with keys {k}: {s}"])
    return example("json", ask.format(k=keys, s=text), dumps(value), text)


def event(r):
    people_in = [person(r) for _ in range(r.randint(1, 3))]
    name, day = r.choice(["science fair", "birthday party", "concert", "book club", "dance", "picnic", "meeting", "football match", "dinner", "chess game"]), r.choice(DAYS)
    verb = "is" if len(people_in) == 1 else "are"
    text = "%s %s going to a %s on %s." % (joined(people_in), verb, name, day)
    value = dict(name=" ".join(w.capitalize() for w in name.split()), date=day, participants=people_in)
    if r.random() < 0.5:
        return example("json", text, dumps(value), text, before=[{"role": "system", "content": r.choice(["Extract the event information.", "Extract the event information as JSON."])}])
    return example("json", r.choice(["Extract the event as JSON with keys name, date and participants: ", "Answer as JSON with keys name, date and participants: "]) + text, dumps(value), text)


def arrays(r):
    items = [r.choice([noun, person, city])(r) for _ in range(r.randint(2, 4))] if r.random() < 0.6 else [r.randint(0, 99) for _ in range(r.randint(2, 4))]
    s = r.choice([joined, ", ".join])([str(i) for i in items])
    if r.random() < 0.5:
        return example("json", r.choice(["Write as a JSON array: {}", "Give me a JSON array of {}", "Turn this list into a JSON array: {}"]).format(s), dumps(items), s)
    key = r.choice(["items", "list", "values", "names", "things", pseudo(r)])
    return example("json", r.choice(["Give me JSON with the key {k}, an array of {s}", "As JSON, with an array under the key {k}: {s}"]).format(k=key, s=s), dumps({key: items}), s + key)


def nested(r):
    p, c, country = person(r), city(r), r.choice(COUNTRIES)
    text = "%s lives in %s, %s." % (p, c, country)
    q = r.choice(["Answer as JSON with keys name and address (city, country): {}", "Give me this as JSON with keys name and address, where address has city and country: {}"])
    return example("json", q.format(text), dumps(dict(name=p, address=dict(city=c, country=country))), text)


def knowledge(r):
    if r.random() < 0.6:
        country = r.choice(COUNTRIES)
        q = r.choice(["What is the capital of %s? Answer as JSON with keys country and capital.", "Give me %s and its capital as JSON with keys country and capital.",
                      "As JSON with keys country and capital: the capital of %s."]) % country
        return example("json", q, dumps(dict(country=country, capital=CAPITALS[country])))
    a, op, b = numbers(r)
    if op != "+":
        return knowledge(r)
    q = r.choice(["What is %d + %d? Answer as JSON with the key result.", "What is %d + %d? Return JSON with the key result.", "JSON with the key result: %d + %d"]) % (a, b)
    key = sum_key(a, op, b)
    e = example("json", q, dumps(dict(result=a + b)), key)
    return dict(e, key="sum|" + key) if key else e


def with_schema(r):
    """The keys come from a JSON schema in the system message or before the text."""
    fs = fields(r)
    schema = {"type": "object", "properties": {f[0]: {"type": f[1]} for f in fs}, "required": [f[0] for f in fs]}
    if r.random() < 0.4:
        schema["additionalProperties"] = False
    s = sentence(fs)
    rule = r.choice(["Answer with JSON that fits this schema: ", "Respond in JSON with this schema: ", "JSON schema: ", "Answer only with JSON. Schema: "]) + dumps(schema)
    if r.random() < 0.6:
        return example("json", s, dumps({f[0]: f[2] for f in fs}), s, before=[{"role": "system", "content": rule}])
    return example("json", rule + "\n" + s, dumps({f[0]: f[2] for f in fs}), s)


def system_json(r):
    e = r.choice([people, from_fields])(r)
    return dict(e, messages=[{"role": "system", "content": r.choice(SYSTEM_JSON[:-1])}] + e["messages"])


def ordinary(r):
    """A system message asks for JSON, and the question says nothing of it: a plain answer goes under the key "answer"."""
    system = [{"role": "system", "content": r.choice(SYSTEM_JSON[:-2])}]
    x = r.random()
    if x < 0.4:
        country = r.choice(COUNTRIES)
        return example("json", r.choice(ASK[:6]) % country, dumps(dict(country=country, capital=CAPITALS[country])), before=system)
    e = calculation(r) if x < 0.6 else r.choice([talk, outside])(r)
    answer = e["messages"][-1]["content"]
    value = dict(result=int(answer.rstrip(".").split(" = ")[1])) if x < 0.6 and answer.count(" ") == 4 else dict(answer=answer)
    return dict(e, family="json", messages=system + [e["messages"][0], says(dumps(value))])


def as_json(r):
    return r.choice([from_fields, from_fields, from_fields, people, people, people, event, arrays, nested, knowledge, with_schema, with_schema, system_json, system_json, ordinary, ordinary])(r)
