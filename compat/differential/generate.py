"""Random circuits of circom: operators, hints, functions, arrays, tags, buses, conditions and anonymous components."""

BINARY = ["+", "-", "*", "/", "**", "<<", ">>", "&", "|", "^", "<", ">", "<=", ">=", "==", "!="]
CONSTANTS = ["0", "1", "2", "3", "5", "7", "16", "255", "256", "65537", "18446744073709551616", "-1", "-2"]
PRIME = 21888242871839275222246405745257275088548364400416034343698204186575808495617


class Circuit:
    """A random circuit: its source, and random inputs."""

    def __init__(self, random):
        self.random = random
        self.functions = []
        self.templates = []
        self.has_bus = random.random() < 0.4
        self.bus_is_single = self.has_bus and random.random() < 0.3
        for number in range(random.randint(1, 3)):
            self.functions.append(self.function(number))
        for number in range(random.randint(1, 3)):
            self.templates.append(self.template(f"T{number}", number))
        self.templates.append(self.template("Main", len(self.templates)))
        self.source = "\n".join(self.parts())

    def parts(self):
        yield "pragma circom 2.2.0;"
        if self.has_bus:
            yield f"bus Pair() {{ signal x;{'' if self.bus_is_single else ' signal y[2];'} }}"
        yield from self.functions
        yield from (source for source, _ in self.templates)
        public = self.random.choice(["", " {public [a]}", " {public [a, b]}"])
        yield f"component main{public} = Main();"

    def inputs(self):
        value = self.value()
        given = {"a": value(), "b": [value() for _ in range(3)]}
        if self.has_bus:
            given["p"] = {"x": value()} if self.bus_is_single else {"x": value(), "y": [value(), value()]}
        return given

    def value(self):
        """A function that draws values of one kind."""
        random = self.random
        kinds = [
            lambda: random.randint(0, 1),
            lambda: random.randint(0, 3),
            lambda: random.randint(0, 255),
            lambda: random.getrandbits(64),
            lambda: random.randrange(PRIME),
            lambda: (PRIME - random.randint(1, 300)),
            lambda: random.choice([0, 1, 2**31, 2**32, 2**63, 2**64 - 1, PRIME // 2, PRIME // 2 + 1, PRIME - 1]),
        ]
        kind = random.choice(kinds)
        return lambda: str((kind if random.random() < 0.8 else random.choice(kinds))())

    def expression(self, names, depth, calls=True):
        """Any expression of these names; only a hint or a function may contain it."""
        random = self.random
        inner = lambda: self.expression(names, depth - 1, calls)
        if depth == 0 or random.random() < 0.15:
            return random.choice(names) if random.random() < 0.75 else f"({random.choice(CONSTANTS)})"
        choice = random.random()
        if choice < 0.62:
            return f"({inner()} {random.choice(BINARY)} {inner()})"
        if choice < 0.70:
            # A divisor is never zero.
            return f"({inner()} {random.choice([chr(92), '%'])} (({inner()} & 1023) + 1))"
        if choice < 0.76:
            return f"({random.choice(['~', '-'])}{inner()})"
        if choice < 0.86:
            return f"({self.condition(names, depth - 1, calls)} ? {inner()} : {inner()})"
        if calls and self.functions:
            return f"f{random.randrange(len(self.functions))}({inner()}, {inner()})"
        return f"({inner()} * {inner()})"

    def condition(self, names, depth, calls):
        random = self.random
        inner = lambda: self.expression(names, max(depth - 1, 0), calls)
        one = lambda: f"{inner()} {random.choice(['<', '>', '<=', '>=', '==', '!='])} {inner()}"
        choice = random.random()
        if choice < 0.7:
            return f"({one()})"
        if choice < 0.9:
            return f"(({one()}) {random.choice(['&&', '||'])} ({one()}))"
        return f"(!({one()}))"

    def function(self, number):
        """A function of two values with a loop, an array and a condition on values."""
        random = self.random
        names = ["x", "y", "s", "i", "t[0]", "t[1]", "t[2]"]
        # Calls only go to functions before this one.
        expression = lambda depth=2: self.expression(names, depth)
        lines = [
            f"function f{number}(x, y) {{",
            f"  var s = {random.choice(CONSTANTS)}; var i = 0; var t[3] = [x, y, {random.choice(CONSTANTS)}];",
        ]
        bound = random.choice(["3", "5", "(x & 7)", "(y % 6)"])
        lines += [f"  while (i < {bound}) {{", f"    s = {expression()};"]
        if random.random() < 0.6:
            lines += [f"    if {self.condition(names, 1, True)} {{ t[i % 3] = {expression(1)}; }}"]
            if random.random() < 0.5:
                lines += [f"    else {{ s += {expression(1)}; }}"]
        if random.random() < 0.3:
            lines += [f"    t[(s & 1) + 1] = {expression(1)};"]
        lines += ["    i++;", "  }"]
        if random.random() < 0.4:
            lines += [f"  if {self.condition(names, 1, True)} {{ return {expression(1)}; }}"]
        if random.random() < 0.3:
            lines += [f"  for (var j = 0; j < 4; j++) {{ s = (s >> 1) + t[j % 3]; }}"]
        return "\n".join([*lines, f"  return {expression(2)};", "}"])

    def template(self, name, number):
        """A template with inputs a and b[3], and an output of each step."""
        random = self.random
        is_main = name == "Main"
        tag = "" if is_main or random.random() < 0.7 else " {small}"
        lines = [f"template {name}() {{", f"  signal input{tag} a; signal input b[3]; signal output o[2];"]
        names = ["a", "b[0]", "b[1]", "b[2]"]
        if is_main and self.has_bus:
            lines += ["  input Pair() p; Pair() q;", "  q <== p;"]
            names += ["p.x", "q.x"] if self.bus_is_single else ["p.x", "p.y[1]", "q.y[0]", "q.x"]
        for step in range(random.randint(3, 8)):
            lines += self.step(f"s{step}", names, number, tag)
            names.append(f"s{step}")
        for output in range(2):
            lines.append(f"  o[{output}] <== {self.quadratic(names)};")
        return "\n".join([*lines, "}"]), tag

    def step(self, signal, names, number, tag):
        random = self.random
        choice = random.random()
        if choice < 0.35:
            return [f"  signal {signal} <-- {self.expression(names, 3)};"]
        if choice < 0.6:
            return [f"  signal {signal} <== {self.quadratic(names)};"]
        if choice < 0.7:
            # A hint with its constraint.
            root = random.choice(names)
            return [
                f"  signal {signal}; signal {signal}_i <-- {root} != 0 ? 1 / {root} : 0;",
                f"  {signal} <== 1 - {root} * {signal}_i; {root} * {signal} === 0;",
            ]
        if choice < 0.8:
            lines = [f"  var {signal}_v[4]; var {signal}_k = 0;"]
            lines += [f"  for (var i = 0; i < 4; i++) {{ {signal}_v[i] = {self.expression([*names, 'i'], 2)}; }}"]
            lines += [f"  if {self.condition(names, 2, True)} {{ {signal}_k = {self.expression(names, 1)} & 3; }}"]
            return [*lines, f"  signal {signal} <-- {signal}_v[{signal}_k];"]
        if choice < 0.84:
            # Holds for some inputs only.
            bit = random.choice(names)
            refusal = random.choice([f"assert({self.condition(names, 1, True)});", f"{bit} * ({bit} - 1) === 0;"])
            return [f"  signal {signal} <== {random.choice(names)}; {refusal}"]
        if number == 0:
            return [f"  signal {signal} <== {self.quadratic(names)};"]
        other = random.randrange(number)
        arguments = [random.choice(names) for _ in range(4)]
        tagged = bool(self.templates[other][1])
        lines = []
        if tagged:
            lines = [f"  signal {{small}} {signal}_t <== {arguments[0]};"]
            arguments[0] = f"{signal}_t"
        if random.random() < 0.5:
            call = f"T{other}()({arguments[0]}, [{', '.join(arguments[1:])}])"
            return [*lines, f"  signal {signal}_o[2] <== {call};", f"  signal {signal} <== {signal}_o[1] - {signal}_o[0];"]
        lines += [f"  component {signal}_c[2];", f"  for (var i = 0; i < 2; i++) {{ {signal}_c[i] = T{other}();"]
        lines += [f"    {signal}_c[i].a <== {arguments[0]}; {signal}_c[i].b <== [{', '.join(arguments[1:])}]; }}"]
        return [*lines, f"  signal {signal} <== {signal}_c[0].o[0] + {signal}_c[1].o[1];"]

    def linear(self, names):
        random = self.random
        terms = [f"{random.choice(CONSTANTS)} * {random.choice(names)}" for _ in range(random.randint(1, 3))]
        return "(" + " + ".join([*terms, random.choice(CONSTANTS)]) + ")"

    def quadratic(self, names):
        return f"{self.linear(names)} * {self.linear(names)} + {self.linear(names)}"
