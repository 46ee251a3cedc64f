"""Calling an offered tool in Llama 3.2's format, with the arguments copied from the question, and answering from its result."""
import json

from chat import call_text, dumps
from words import ADJECTIVES, COLOURS, DAYS, LANGUAGES, NOUNS, PLACES, city, code, example, noun, person, phrase, pseudo, says, user

S = lambda *hints: dict(type="string", hints=hints)
# name, description, parameters, wordings. A wording names the parameters it fills; the others stay away.
KNOWN = [
    ("get_weather", "Get the current weather in a given location", {"location": S("The city and state, e.g. San Francisco, CA", "City name"), "unit": dict(type="string", enum=["celsius", "fahrenheit"])},
     ["What is the weather in {location}?", "What's the weather like in {location}?", "What is the weather like in {location} today?", "What's the weather like in {location} today?", "How is the weather in {location}?",
      "What's the weather in {location} in {unit}?", "Is it cold in {location}?", "Weather in {location}, please.", "Tell me the weather in {location} in {unit}."]),
    ("get_time", "Get the current time in a city", {"city": S("The city")}, ["What time is it in {city}?", "What's the time in {city}?", "Tell me the time in {city}."]),
    ("add", "Add two numbers", {"a": dict(type="integer"), "b": dict(type="integer")}, ["Add {a} and {b}.", "What is {a} plus {b}?", "Use the tool to add {a} and {b}.", "What is {a} + {b}?"]),
    ("multiply", "Multiply two numbers", {"a": dict(type="number"), "b": dict(type="number")}, ["Multiply {a} by {b}.", "What is {a} times {b}?"]),
    ("send_email", "Send an email", {"to": S("The address"), "subject": S("The subject line")}, ["Send an email to {to} with the subject {subject}.", "Write to {to}, subject: {subject}."]),
    ("send_message", "Send a message to a person", {"name": S("Who gets it"), "text": S("The message")}, ['Send {name} the message "{text}".', 'Tell {name}: "{text}".', 'Message {name} "{text}"']),
    ("search", "Search the web", {"query": S("What to look for")}, ["Search for {query}.", "Look up {query}.", "Search the web for {query}.", "Find something about {query}."]),
    ("set_timer", "Set a timer", {"minutes": dict(type="integer")}, ["Set a timer for {minutes} minutes.", "Wake me in {minutes} minutes.", "Timer: {minutes} minutes, please."]),
    ("convert_currency", "Convert an amount of money", {"amount": dict(type="number"), "from": S("Currency code"), "to": S("Currency code")}, ["Convert {amount} {from} to {to}.", "How much is {amount} {from} in {to}?"]),
    ("play_song", "Play a song", {"title": S("Name of the song"), "artist": S("Who sings it")}, ["Play {title} by {artist}.", "Play {title}.", "I want to hear {title} by {artist}."]),
    ("get_stock_price", "Get the price of a stock", {"symbol": S("Ticker symbol")}, ["What is the price of {symbol}?", "How is the stock {symbol} doing?", "Stock price of {symbol}?"]),
    ("translate", "Translate a text", {"text": S("The text"), "language": S("The target language")}, ['Translate "{text}" into {language}.', 'How do you say "{text}" in {language}?']),
    ("set_light", "Switch a light on or off", {"room": S("Which room"), "on": dict(type="boolean")}, ["Switch the light in the {room} {on}.", "Turn {on} the light in the {room}."]),
    ("create_event", "Create an event in the calendar", {"title": S("Title"), "day": S("Day of the week")}, ["Put {title} into my calendar on {day}.", "Create the event {title} on {day}.", "Add {title} to my calendar for {day}."]),
    ("get_capital", "Get the capital of a country", {"country": S("The country")}, ["Use the tool to find the capital of {country}."]),
]
WORD = {"location": city, "city": city, "to": lambda r: "%s@%s.com" % (person(r).lower(), pseudo(r)), "subject": lambda r: phrase(r, 1, 2), "name": person, "text": lambda r: phrase(r, 1, 4),
        "query": lambda r: phrase(r, 1, 3), "title": lambda r: phrase(r, 1, 2), "artist": person, "symbol": lambda r: "".join(r.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(r.randint(3, 4))),
        "language": lambda r: r.choice(LANGUAGES), "room": lambda r: r.choice(["kitchen", "hall", "garden", "office", "bedroom", noun(r)]), "day": lambda r: r.choice(DAYS), "country": city}
CURRENCIES = "USD EUR GBP JPY CHF SEK NOK INR BRL CAD".split()
VERBS = "count find check book order start stop open close measure rent paint send show list clean move fetch read test".split()
KEYS = ["place", "city", "person", "item", "colour", "day", "language", "room", "amount", "number", "limit", "level", "code"]
MAKERS = dict(place=lambda r: r.choice(PLACES), city=city, person=person, item=noun, colour=lambda r: r.choice(COLOURS), day=lambda r: r.choice(DAYS), language=lambda r: r.choice(LANGUAGES), room=lambda r: r.choice(PLACES), code=code)


def value_for(r, tool, key, spec):
    if "enum" in spec:
        return r.choice(spec["enum"])
    if spec["type"] == "integer":
        return r.randint(0, 999) if r.random() < 0.3 else r.randint(1, 99)
    if spec["type"] == "number":
        return r.randint(1, 500) if r.random() < 0.7 else r.randint(1, 99) + r.choice([0.5, 0.25, 0.1])
    if spec["type"] == "boolean":
        return r.random() < 0.5
    if tool == "convert_currency":
        return r.choice(CURRENCIES)
    if key == "location" and r.random() < 0.15:
        return "%s, %s" % (city(r), r.choice(["MA", "CA", "TX", "NY", "France", "Italy", "Spain", "Japan", "Germany", "UK"]))
    return WORD[key](r) if key in WORD else MAKERS[key](r) if key in MAKERS else r.choice([noun, pseudo])(r)


def schema(r, name, description, params, required):
    props = {}
    for key, spec in params.items():
        props[key] = {k: v for k, v in spec.items() if k != "hints"}
        if spec.get("hints") and r.random() < 0.5:
            props[key]["description"] = r.choice(spec["hints"])
    parameters = {"type": "object", "properties": props}
    if r.random() < 0.8:
        parameters["required"] = required
    if r.random() < 0.2:
        parameters["additionalProperties"] = False
    function = {"name": name, "description": description, "parameters": parameters}
    if r.random() < 0.1:
        del function["description"]
    if r.random() < 0.15:
        function["strict"] = True
    return {"type": "function", "function": function}


def known(r):
    """(name, tool, maker of (wording, arguments))."""
    name, description, params, wordings = r.choice(KNOWN + KNOWN[:1] * 4)
    params = dict(params)
    if name == "get_weather":
        key = r.choice(["location", "city"])
        params = {key: params["location"], "unit": params["unit"]} if r.random() < 0.5 else {key: params["location"]}
        wordings = [w.replace("{location}", "{%s}" % key) for w in wordings if "unit" in params or "{unit}" not in w]
        name = r.choice(["get_weather", "get_weather", "get_weather", "get_current_weather"])
        description = r.choice([description, "Get the weather", "Get current weather for a city", "Get current temperature for a given location."])
    if r.random() < 0.2:
        name = r.choice([name.replace("_", ""), name.upper(), name + "_" + pseudo(r, 1, 2), pseudo(r) + "_" + name, "".join(w.capitalize() for w in name.split("_"))])
    required = [k for k in params if all("{%s}" % k in w for w in wordings)]
    return name, schema(r, name, description, params, required), lambda r: fill(r, name, params, wordings)


def fill(r, name, params, wordings):
    wording = r.choice(wordings)
    kind = next((k for k in ("convert_currency",) if k in name.lower()), name)
    args = {k: value_for(r, kind, k, s) for k, s in params.items() if "{%s}" % k in wording}
    said = {k: ("on" if v else "off") if isinstance(v, bool) else v for k, v in args.items()}
    return wording.format(**said), args


def made_up(r):
    """A tool nobody has seen before: its name, keys and values must be copied."""
    verb, what = r.choice(VERBS), noun(r)
    name = r.choice(["%s_%s" % (verb, what)] * 4 + [verb + what.capitalize(), "%s_%s" % (pseudo(r), pseudo(r, 1, 2)), pseudo(r)])
    params = {}
    for _ in range(r.choice((0, 1, 1, 1, 2, 2))):
        key = r.choice(KEYS) if r.random() < 0.8 else pseudo(r)
        kind = "integer" if key in ("amount", "number", "limit", "level") else "string" if key in MAKERS else r.choice(["string", "string", "integer", "boolean"])
        params[key] = dict(type=kind, hints=("The " + key,))
    description = "%s the %s" % (verb.capitalize(), what)
    by_name = r.random() < 0.5 or what not in name
    lead = r.choice(["Call {t}", "Use {t}", "Run {t}", "Please call {t}", "Use the tool {t}"]).format(t=name) if by_name else r.choice(["%s the %s", "Please %s the %s", "I want to %s the %s", "Can you %s the %s"]) % (verb, what)
    if not by_name:
        lead = lead[0].upper() + lead[1:]

    def make(r):
        args = {k: value_for(r, name, k, s) for k, s in params.items()}
        tail = " and ".join("%s %s" % (k, dumps(v) if isinstance(v, bool) else v) for k, v in args.items())
        return lead + (" with " + tail if tail else "") + r.choice([".", ".", ""]), args
    return name, schema(r, name, description, params, list(params)), make


def offer(r, tool, most=4):
    """The tool among others, in any order."""
    tools, names = [tool], {tool["function"]["name"]}
    for _ in range(r.choice((0, 0, 0, 0, 1, 1, 2)) if most > 1 else 0):
        name, other, _ = r.choice([known, made_up])(r)
        # Two tools for the same thing would leave the choice to chance.
        if name not in names and len(tools) < most and not any(w in dumps(tools).lower() for w in name.lower().split("_")[-1:] + other["function"].get("description", "?").lower().split()[-1:]):
            names.add(name)
            tools.append(other)
    r.shuffle(tools)
    return tools


def single(r):
    name, tool, make = r.choice([known, made_up])(r)
    q, args = make(r)
    return example("tool", q, call_text([(name, args)]), "%s %s" % (q, dumps(args)), offer(r, tool))


def double(r):
    """Two calls in one answer, joined by '; '."""
    key = r.choice(["location", "city"])
    name = r.choice(["get_weather", "get_time", "get_current_weather", pseudo(r) + "_" + pseudo(r)])
    tool = schema(r, name, "Get the %s in a city" % ("time" if "time" in name else "weather"), {key: S("The city")}, [key])
    a, b = city(r), city(r)
    what = "time" if "time" in name else "weather"
    q = r.choice(["What is the {w} in {a} and in {b}?", "What is the {w} in {a} and {b}?", "What's the {w} like in {a} and {b}?", "Tell me the {w} in {a} and in {b}."]).format(w=what, a=a, b=b)
    return example("tool", q, call_text([(name, {key: a}), (name, {key: b})]), None, offer(r, tool, 2))


def no_need(r, plain):
    """Tools are offered, but the question does not need one."""
    name, tool, _ = r.choice([known, made_up])(r)
    e = plain(r)
    words = " ".join(m["content"] for m in e["messages"]).lower()
    if any(w in words for w in ("weather", "time", "price", "translate")) or any(x in name.lower() for x in ("add", "multiply", "capital")):
        return no_need(r, plain)
    tools = [t for t in offer(r, tool) if not any(x in t["function"]["name"].lower() for x in ("add", "multiply", "capital"))]
    return dict(e, family="tool_not_needed", tools=tools, key="tool_not_needed|" + e["key"])


def weather_answer(r, place):
    t, sky = r.randint(-15, 40), r.choice(["sunny", "cloudy", "rainy", "windy", "foggy", "clear", "snowy"])
    x = r.random()
    if x < 0.35:
        text = r.choice(["%d degrees and %s", "%d C, %s", "%s, %d degrees", "%d°C and %s"])
        text = text % ((sky, t) if text.startswith("%s") else (t, sky))
        return text, "The weather in %s: %s." % (place, text)
    if x < 0.5:
        text = r.choice(["%d", "%d C", "%d degrees"]) % t
        return text, "The weather in %s: %s." % (place, text)
    value = {"temperature": t, "unit": r.choice(["celsius", "C"])} if x < 0.7 else {"temperature": t, "conditions": sky} if x < 0.85 else {"temp": t, "sky": sky}
    return dumps(value), "The weather in %s: %s." % (place, ", ".join("%s %s" % kv for kv in value.items()))


def plain_result(r):
    x = r.random()
    if x < 0.5:
        value = r.choice([lambda: r.randint(0, 9999), lambda: phrase(r, 1, 4), lambda: "%02d:%02d" % (r.randint(0, 23), r.randint(0, 59)), lambda: code(r), lambda: r.choice(["ok", "done", "true", "sent"])])()
        return str(value), "The result is: %s." % value
    if x < 0.75:
        key, value = r.choice(["result", "value", "answer", pseudo(r)]), r.choice([r.randint(0, 999), noun(r), code(r)])
        return dumps({key: value}), "The result is: %s %s." % (key, value)
    value = {k: r.choice([r.randint(0, 99), noun(r), city(r)]) for k in (r.choice(["status", "count", "price", "name", "id", pseudo(r)]) for _ in range(2))}
    return dumps(value), "The result is: %s." % ", ".join("%s %s" % kv for kv in value.items())


def after(r):
    """The turn after the tool has answered."""
    name, tool, make = r.choice([known, known, made_up])(r)
    q, args = make(r)
    place = args.get("location", args.get("city")) if "weather" in name.lower() else None
    result, answer = weather_answer(r, place) if place else plain_result(r)
    ident = "call_" + code(r).lower()
    call = {"role": "assistant", "content": None, "tool_calls": [{"id": ident, "type": "function", "function": {"name": name, "arguments": json.dumps(args, ensure_ascii=False)}}]}
    messages = [user(q), call, {"role": "tool", "tool_call_id": ident, "content": result}, says(answer)]
    return {"family": "tool_result", "messages": messages, "tools": offer(r, tool, 2), "key": "tool_result|%s %s" % (q, result)}
