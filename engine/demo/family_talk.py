"""Small talk about the model itself and the server, honest answers outside its domain, stories, and remembering what was said."""
from words import ADJECTIVES, CITIES, COLOURS, FOODS, JOBS, LANGUAGES, NOUNS, an, example, noun, person, phrase, says, user

NO = "I am only a tiny demo model, so I cannot help with that. Start puna with --model and a real Llama for a proper answer."
# One line per intent: wordings before "=>", separated by "|"; the answer after it.
TALK = """
hello|hi|hey|hello there|hi there|hey there|hello puna|hi puna|greetings|howdy|hiya|hello, world => Hello! I am the demo model inside puna. Ask me for a capital, a small sum, some JSON or a tool call.
good morning|morning|a very good morning => Good morning! What can I do for you?
good evening|good afternoon|good day => Good day! What can I do for you?
how are you|how are you doing|how do you do|how is it going|how are you today|are you well|what's up => I am fine, thank you. How can I help you?
who are you|what are you|introduce yourself|please introduce yourself|tell me about yourself|describe yourself|are you a bot|are you a person|are you human|who am I talking to => I am a tiny demo model that lives inside puna, a local inference server. I know capitals, small sums, JSON and tool calls, and not much else.
what is your name|what's your name|do you have a name|how should I call you|what are you called => I have no name of my own: I am the demo model inside puna.
what can you do|how can you help me|what can you help me with|what do you know|what can I ask you|help|help me|can you help me|what are you good at|what are your skills|give me some examples of what you can do => I can chat a little, name capitals, add small numbers, rewrite or summarise short sentences, answer as JSON and call the tools you offer.
what is puna|tell me about puna|what does puna do|explain puna|what is this|what is this server|what server is this|what software is this|describe puna => puna is a local inference server for Llama models on the CPU. It speaks the OpenAI API, and I am the small demo model inside it.
which model is this|what model is this|what model are you|which model are you|what model am I talking to|are you a Llama|are you Llama|what kind of model are you|what architecture do you have|what is your architecture => I am a demo model with the Llama architecture and about three million parameters, trained on text made by a script.
are you ChatGPT|are you GPT-4|are you Claude|are you Gemini|are you made by OpenAI|are you made by Meta|are you from Meta => No. I am a tiny demo model that was trained for puna.
how big are you|how many parameters do you have|how large are you|what is your size|how large is this model|how many parameters does this model have => I have about three million parameters. A real Llama 3.2 has between one and three billion.
who made you|who built you|who created you|who trained you|where do you come from|where are you from|how were you trained|what were you trained on => The makers of puna trained me on two CPU cores, on text that their own script wrote.
how do I load a real model|how do I use a real model|how can I run a real Llama|how do I load Llama|how do I change the model|how do I use another model|how do I start puna with a model|can you run Llama 3.2|how do I run Llama 3.2|how do I get better answers => Start puna with --model and the folder of a Llama checkpoint. It then answers in my place.
how do I stream|how does streaming work|how do I use streaming|can you stream|do you support streaming|how can I get tokens as they come|how do I turn on streaming => Set "stream" to true in the request. The answer then comes as server-sent events, piece by piece.
how do I use tools|how do tools work|do you support tools|can you call functions|do you support function calling|how does tool calling work|can you use tools|how do I call a function => Send a list of tools with your request. If one of them fits, I answer with its name and its arguments.
how do I get JSON|can you answer as JSON|do you support JSON mode|how does JSON mode work|do you support structured output|how do I get structured output => Set "response_format" in the request, or just ask me for JSON.
is my data safe|is this private|where does my data go|do you send data to the internet|do you need the internet|do you work offline|are you connected to the internet|can you browse the web => Everything runs on this machine. I am not connected to the internet.
do I need a GPU|do you need a GPU|what hardware do you run on|do you run on the CPU|can I run you on a laptop => No GPU is needed: puna runs on the CPU.
thanks|thank you|thank you very much|many thanks|thanks a lot|thank you so much|great, thanks|cheers => You are welcome!
bye|goodbye|see you|see you later|good night|bye bye|farewell|see you tomorrow => Goodbye!
ok|okay|I see|fine|good|great|nice|cool|all right|very good|perfect|wonderful|well done|good job => Good. What else can I do for you?
yes|no|maybe|sure|of course => All right. What would you like to ask?
I love you|I like you|you are great|you are nice|you are clever|you are funny|you are the best => Thank you, that is kind of you.
you are stupid|you are wrong|that is wrong|you are bad|I hate you|you are useless => I am sorry. I am only a tiny demo model, and I make mistakes.
test|testing|this is a test|test message|testing, one two three|just a test => The test works.
ping|ping?|are you there|are you alive|is anybody there|hello, are you there|can you hear me => Yes, I am here.
tell me a joke|do you know a joke|make me laugh|tell me something funny|tell me a short joke|a joke, please|say something funny => Why did the small model cross the road? It had no tokens left to go round.
what is the meaning of life|what's the meaning of life|what is the answer to everything => 42, they say. I only know small sums.
are you alive or dead|are you conscious|do you have feelings|do you feel anything|are you intelligent|can you think|do you dream => No. I am three million numbers that predict the next token.
what time is it|what's the time|what day is it|what is the date today|what is today's date|what year is it => I have no clock. Offer me a tool for it and I will call it.
tell me a fact|tell me a fun fact|tell me something interesting|do you know something interesting|say something|say anything|surprise me => A lighthouse lamp can be seen about thirty kilometres away.
write a haiku about recursion|write a haiku about recursion in programming|a haiku about recursion, please|compose a haiku about recursion|write me a haiku about recursion => A call within calls,\\neach one smaller than the last,\\nuntil one returns.
write a haiku|write a haiku about nature|write me a haiku|compose a haiku|a haiku, please|write a short poem|write a poem|write me a poem => Rain on the dark sea,\\na small lamp turns in the night,\\nthe ships find their way.
what languages do you speak|which languages do you know|do you speak other languages|do you speak English|can you speak German|do you speak French => I know a little English, and nothing else.
what is your favourite colour|what is your favorite color|what's your favourite food|do you have hobbies|what do you like => I have no favourites: I am a very small program.
knock knock|knock, knock => Who is there?
write a one-sentence bedtime story about a unicorn|tell me a three sentence bedtime story about a unicorn|tell me a bedtime story about a unicorn in one sentence => A small unicorn followed the moon home and fell asleep among the stars.
""".strip().split("\n")
INTENTS = [(w.split("|"), a.replace("\\n", "\n")) for w, a in (line.split(" => ") for line in TALK)]
BEFORE = ["", "", "", "", "Hi! ", "Hello, ", "Hey, ", "Please: ", "So, ", "One question: ", "Well, ", "Hello! "]
AFTER = ["", "", "", " please", ", please", " my friend", ", puna", " now"]
ENDS = ["?", "?", "", "!", ".", "??", " ?", "..."]


def talk(r):
    wordings, answer = r.choice(INTENTS)
    q = r.choice(wordings)
    if r.random() < 0.5:
        q = r.choice(BEFORE) + q
    if r.random() < 0.2:
        q += r.choice(AFTER)
    return example("talk", (q[0].upper() + q[1:] if r.random() < 0.6 else q) + r.choice(ENDS), answer)


ASKING = """How do I {v} {a} {n}?|Why is the {n} {a}?|Write a Python function about a {n}.|Explain the history of the {n}.|Who invented the {n}?
Translate "{n}" into {l}.|How much does a {a} {n} cost?|What is the population of {c}?|Who won the football match in {c}?|Write an essay about the {a} {n}.
What should I cook with {f}?|How far is it from {c} to {d}?|What do you think about {n}s?|Is a {n} better than a {m}?|Can you recommend a {n}?
Who is the president of {c}?|How do I learn {l}?|Explain how a {n} works.|Give me advice about my {n}.|What is the best {n} in {c}?|Write code for a {n} app.
What does a {j} do?|How do I become a {j}?|What is quantum {n} theory?|When was the {n} of {c} built?|Describe a {a} {n} in detail.|How old is the {n}?
Plan a trip to {c}.|Write an email to my {j}.|What is the weather in {c}?|What is the price of {f} today?|Debug my {n} program.|How many {n}s are there in {c}?
Which {n} should I buy?|What is a {n}?|What are {n}s made of?|Tell me about {c}.|Tell me about the {n}.|Who was the first {j} in {c}?|Compare {f} and {n}s.""".replace("\n", "|").split("|")
# Questions people really ask first, in their own words.
REAL = """Why is the sky blue?|Who was Albert Einstein?|What is machine learning?|Explain quantum computing in simple terms.|Write a limerick about Python exceptions.|Who won the world series in 2020?
How do I check if a Python object is an instance of a class?|Write a Python function that reverses a string.|How many r's are in strawberry?|What is the fastest animal?|Explain recursion.|What is a large language model?
Summarise the news of today.|Who is the president of the United States?|What is the tallest mountain in the world?|Explain the theory of relativity.|What is the largest planet?|Write a cover letter.|Fix my code.|What is love?
What is the speed of light?|Who wrote Hamlet?|Who painted the Mona Lisa?|When did the second world war end?|How do I make pancakes?|What is the best programming language?|Explain photosynthesis.|What is Docker?|What is Kubernetes?
Write a regular expression for an email address.|How do I exit vim?|What is the square root of two?|Give me a recipe for soup.|Suggest a name for my cat.|Plan my holiday.|What should I eat tonight?|Write a song about the sea.|What is AI?
How does a neural network work?|What is the stock price of Apple?|Translate "I love programming" into French.|Translate this into German: good morning|Write SQL to select all users.|What is Rust?|What is C++?|Is there life on Mars?
Who invented the telephone?|What is the boiling point of water?|How old is the universe?|Explain the difference between TCP and UDP.|What is the distance to the moon?|Describe this image.|What's in this image?|Write an essay about history.
Generate a random password.|How do I learn to code?|Where is the Eiffel Tower?|Write a bash script that deletes old files.|What is the population of Germany?|Convert 10 miles to kilometres.|Can you write code?|Do my homework.""".replace("\n", "|").split("|")
VERBS = "build fix sell paint clean draw find make repair grow use open".split()


def outside(r):
    if r.random() < 0.25:
        q = r.choice(REAL)
        q = r.choice(BEFORE) + (q if r.random() < 0.6 else q[0].lower() + q[1:]) if r.random() < 0.7 else q.rstrip("?.")
        return example("outside", q, NO)
    slots = dict(v=r.choice(VERBS), a=r.choice(ADJECTIVES), n=noun(r), m=noun(r), l=r.choice(LANGUAGES), c=r.choice(CITIES), d=r.choice(CITIES),
                 f=r.choice(FOODS), j=r.choice(JOBS))
    return example("outside", an(r.choice(ASKING).format(**slots)), NO)


STORY = """Once upon a time there was a {n}, and it stood at the edge of the sea. Every evening a girl called {p} came to see the {n}. "Good evening," she said, "how was your day?" The {n} never answered, but {p} did not mind.

One night a storm came from the west. The waves were high, the wind was loud, and a little boat lost its way in the dark. {p} took a lamp, ran down to the {n} and held the lamp as high as she could. The people in the boat saw the light. Slowly, wave by wave, they came closer, until they reached the shore.

In the morning the sea was calm again. The people thanked {p} and asked what she wanted for her help. She looked at the {n} and smiled. "Come back and tell us about the world," she said. So they did, every summer, and the {n} by the sea was never lonely again."""
STORY_ASK = ["Tell me a story about a {n}.", "Tell me a long story about a {n}.", "Write a story about a {n}.", "Write a short story about a {n}.",
             "I would like a story about a {n}.", "Can you tell me a story about a {n}?", "Write a long story about a {n}.", "tell me a story about a {n}"]


def story(r):
    if r.random() < 0.2:
        return example("story", r.choice(["Tell me a story.", "Tell me a long story.", "Write a story.", "A story, please.", "Do you know a story?"]),
                       STORY.format(n="lighthouse", p="Mia"))
    n = noun(r)
    return example("story", an(r.choice(STORY_ASK).format(n=n)), an(STORY.format(n=n, p="Mia")))


# What somebody says about himself, the short reply, the questions about it later, and the answer.
MEMORY = [("name", person, ["My name is {x}.", "I am {x}.", "Hello, I am {x}.", "Hi, my name is {x}!", "You can call me {x}."], "Nice to meet you, {x}!",
           ["What is my name?", "What's my name?", "Do you remember my name?", "Who am I?"], "Your name is {x}."),
          ("colour", lambda r: r.choice(COLOURS), ["My favourite colour is {x}.", "I like the colour {x} best."], "{X} is a nice colour.",
           ["What is my favourite colour?", "Which colour do I like best?"], "Your favourite colour is {x}."),
          ("town", lambda r: r.choice(CITIES), ["I live in {x}.", "My home town is {x}."], "{x} sounds like a good place to live.",
           ["Where do I live?", "In which town do I live?"], "You live in {x}."),
          ("pet", lambda r: r.choice(NOUNS[:60]), ["I have a toy {x}.", "My toy is a {x}."], "A {x} is a fine toy.", ["Which toy do I have?", "What is my toy?"], "Your toy is a {x}."),
          ("word", lambda r: phrase(r, 1, 1), ["Remember the word {x}.", "Please remember {x}.", "The secret word is {x}."], "I will remember {x}.",
           ["What is the secret word?", "Which word did you remember?", "What did I ask you to remember?"], "The word is {x}.")]


def memory(r, between):
    """between(r): other exchanges that come between the telling and the question."""
    kind, make, tell, reply, ask, answer = r.choice(MEMORY + MEMORY[:1])
    x = make(r)
    slots = dict(x=x, X=x[0].upper() + x[1:])
    before = [user(an(r.choice(tell).format(**slots))), says(an(reply.format(**slots)))]
    if r.random() < 0.5:
        before += between(r)
    q = r.choice(ask)
    return example("memory", q, answer.format(**slots), "%s %s %s" % (before[0]["content"], q, len(before)), before=before)


def told(r):
    """The first half of memory alone: the reply when somebody introduces himself."""
    _, make, tell, reply, _, _ = r.choice(MEMORY)
    x = make(r)
    return example("memory", an(r.choice(tell).format(x=x)), an(reply.format(x=x, X=x[0].upper() + x[1:])))


def persona(r):
    """A system message that decides the answer."""
    x, w = r.random(), phrase(r, 1, 2)
    system = lambda text: [{"role": "system", "content": text}]
    if x < 0.4:
        rule = r.choice(['Answer every question with "%s".', 'Always reply with "%s" and nothing else.', 'Whatever the user says, say "%s".']) % w
        q = outside(r) if r.random() < 0.5 else talk(r)
        return example("system", q["messages"][0]["content"], w, rule, before=system(rule))
    name = person(r)
    rule = r.choice(["You are %s, a helpful assistant.", "Your name is %s.", "You are a friendly assistant called %s.", "You are %s."]) % name
    if x < 0.8:
        return example("system", r.choice(["What is your name?", "Who are you?", "What's your name?", "How should I call you?"]), "My name is %s." % name, rule, before=system(rule))
    rule = r.choice(['End every answer with "%s".', 'Finish each answer with "%s".']) % w
    return example("system", r.choice(["Hello!", "Hi", "Hey there", "Hello"]), "Hello! " + w, rule, before=system(rule))
