//! Templates: every kind of action, nested, with literals of all kinds, and some of them broken.

use serde_json::Value as Json;

use super::functions::{call, steady};
use super::world::{anything, render};
use crate::harness::random::Random;

pub(super) fn draw(random: &mut Random) -> Json {
    let mut writer = Writer { random, text: String::new(), variables: Vec::new(), loops: 0, depth: 0 };
    let some = 1 + writer.random.below(5);
    writer.nodes(some);
    let text = std::mem::take(&mut writer.text);
    render(&broken(random, &text))
}

/// The text, sometimes with a letter or two put in, taken out or changed.
fn broken(random: &mut Random, text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    while random.percent(18) {
        let position = random.below(letters.len() + 1);
        let fresh = random.of("template damage");
        match random.below(3) {
            0 if position < letters.len() => {
                letters.remove(position);
            }
            1 if position < letters.len() => {
                letters.splice(position..=position, fresh.chars());
            }
            _ => {
                letters.splice(position..position, fresh.chars());
            }
        }
    }
    letters.into_iter().collect()
}

struct Writer<'r> {
    random: &'r mut Random,
    text: String,
    variables: Vec<String>,
    loops: usize,
    depth: usize,
}

impl Writer<'_> {
    fn nodes(&mut self, some: usize) {
        for _ in 0..some {
            self.node();
        }
    }

    /// The inside of a branch, with variables of its own.
    fn body(&mut self) {
        let kept = self.variables.len();
        self.depth += 1;
        let some = self.random.below(3);
        if self.depth < 4 {
            self.nodes(some);
        } else {
            self.words();
        }
        self.depth -= 1;
        self.variables.truncate(kept);
    }

    fn node(&mut self) {
        match self.random.below(24) {
            0..=4 => self.words(),
            5..=10 => {
                let pipeline = self.pipeline();
                self.action(&pipeline);
            }
            11..=12 => self.declaration(),
            13..=14 => self.branch("if"),
            15 => self.branch("with"),
            16..=18 => self.range(),
            19 => self.definition(),
            20 => self.template(),
            21 => self.comment(),
            22 if self.loops > 0 => {
                let word = self.random.pick(&["break", "continue"]);
                self.action(word);
            }
            _ => self.included(),
        }
    }

    fn words(&mut self) {
        let word = self.random.of("words");
        self.text.push_str(word);
    }

    fn action(&mut self, inside: &str) {
        let open = self.random.pick(&["{{ ", "{{ ", "{{ ", "{{- ", "{{", "{{\n", "{{-\n"]);
        let close = self.random.pick(&[" }}", " }}", " }}", " -}}", "}}", "\n}}", "\n-}}"]);
        self.text.push_str(open);
        self.text.push_str(inside);
        self.text.push_str(close);
    }

    fn comment(&mut self) {
        let comment = self.random.of("comments");
        self.text.push_str(comment);
    }

    fn declaration(&mut self) {
        let pipeline = self.pipeline();
        if !self.variables.is_empty() && self.random.percent(40) {
            let name = self.variable();
            return self.action(&format!("{name} = {pipeline}"));
        }
        let name = self.random.pick(&["$x", "$y", "$z", "$long_name1", "$é"]).to_owned();
        self.action(&format!("{name} := {pipeline}"));
        self.variables.push(name);
    }

    /// A variable; never the root itself, whose printing has addresses of memory in it and with them a length that changes.
    fn variable(&mut self) -> String {
        if self.variables.is_empty() || self.random.percent(6) {
            return self.random.pick(&["$.Values", "$nope", "$x"]).to_owned();
        }
        let position = self.random.below(self.variables.len());
        self.variables[position].clone()
    }

    fn branch(&mut self, word: &str) {
        let kept = self.variables.len();
        let mut pipeline = self.pipeline();
        if self.random.percent(15) {
            pipeline = format!("$w := {pipeline}");
            self.variables.push("$w".to_owned());
        }
        self.action(&format!("{word} {pipeline}"));
        self.body();
        while self.random.percent(20) {
            let pipeline = self.pipeline();
            self.action(&format!("else {word} {pipeline}"));
            self.body();
        }
        if self.random.percent(40) {
            self.action("else");
            self.body();
        }
        self.action("end");
        self.variables.truncate(kept);
    }

    fn range(&mut self) {
        let kept = self.variables.len();
        let over = match self.random.below(10) {
            0..=5 => self.random.of("ranges").to_owned(),
            _ => self.pipeline(),
        };
        let head = match self.random.below(8) {
            0..=2 => over,
            3..=4 => {
                self.variables.push("$v".to_owned());
                format!("$v := {over}")
            }
            5..=6 => {
                self.variables.extend(["$k".to_owned(), "$v".to_owned()]);
                format!("$k, $v := {over}")
            }
            _ => {
                let (first, second) = (self.variable(), self.variable());
                if self.random.percent(50) {
                    format!("{first} = {over}")
                } else {
                    format!("{first}, {second} = {over}")
                }
            }
        };
        self.action(&format!("range {head}"));
        self.loops += 1;
        if self.random.percent(70) {
            let shown = self.operand();
            self.action(&shown);
        }
        self.body();
        self.loops -= 1;
        if self.random.percent(25) {
            self.action("else");
            self.body();
        }
        self.action("end");
        self.variables.truncate(kept);
    }

    fn definition(&mut self) {
        let kept = std::mem::take(&mut self.variables);
        let loops = std::mem::take(&mut self.loops);
        let name = self.random.pick(&["\"own\"", "\"other\"", "\"echo\"", "`raw`"]);
        if self.random.percent(60) {
            self.action(&format!("define {name}"));
        } else {
            let pipeline = self.pipeline();
            self.action(&format!("block {name} {pipeline}"));
        }
        self.body();
        self.action("end");
        self.variables = kept;
        self.loops = loops;
    }

    fn template(&mut self) {
        let name = self.random.pick(&[
            "\"own\"",
            "\"other\"",
            "\"echo\"",
            "\"full\"",
            "\"nope\"",
            "\"deep\"",
            "\"fails\"",
            "\"empty\"",
        ]);
        let pipeline = if self.random.percent(70) { self.pipeline() } else { String::new() };
        self.action(format!("template {name} {pipeline}").trim_end());
    }

    fn included(&mut self) {
        let name =
            self.random.pick(&["\"own\"", "\"echo\"", "\"full\"", "\"nope\"", "\"deep\"", "\"map\"", "\"other\""]);
        let dot = self.operand();
        let rest = self.random.pick(&["", "", " | nindent 2", " | quote", " | fromYaml | toJson", " | trim | upper"]);
        let function = if self.random.percent(70) { format!("include {name} {dot}{rest}") } else { self.tpl(&dot) };
        self.action(&function);
    }

    fn tpl(&mut self, dot: &str) -> String {
        let text = self.random.of("tpl texts");
        format!("tpl {text} {dot}")
    }

    fn pipeline(&mut self) -> String {
        let mut pipeline = self.command();
        while self.random.percent(18) {
            let function = self.random.of("pipes");
            pipeline = format!("{pipeline} | {function}");
        }
        pipeline
    }

    fn command(&mut self) -> String {
        match self.random.below(12) {
            0..=4 => self.operand(),
            5..=6 => {
                let function = self.random.of("comparisons");
                let some = 1 + self.random.below(3);
                let operands: Vec<_> = (0..some).map(|_| self.operand()).collect();
                format!("{function} {}", operands.join(" "))
            }
            7 => {
                let operand = self.operand();
                let function = self.random.of("calls of one");
                format!("{function} {operand}")
            }
            8 => self.printf(),
            9..=10 => {
                let hint = steady(self.random);
                call(self.random, hint)
            }
            _ => {
                let operands = [self.operand(), self.operand()];
                operands.join(" ")
            }
        }
    }

    fn printf(&mut self) -> String {
        let mut format = String::new();
        let some = 1 + self.random.below(3);
        let mut arguments = Vec::new();
        for _ in 0..some {
            format.push_str(self.random.pick(&["", "", "x", " ", "é", "|"]));
            format.push('%');
            while self.random.percent(25) {
                format.push_str(self.random.pick(&["-", "+", "#", "0", " "]));
            }
            format.push_str(self.random.of("widths"));
            format.push_str(self.random.of("precisions"));
            let verbs = [
                "v", "v", "d", "s", "q", "x", "X", "t", "T", "c", "U", "e", "E", "f", "F", "g", "G", "o", "O", "b",
                "%", "w", "z", "!", "é", "",
            ];
            format.push_str(self.random.pick(&verbs));
            if !self.random.percent(8) {
                arguments.push(self.printed());
            }
        }
        format!("printf {:?} {}", format, arguments.join(" ")).trim_end().to_owned()
    }

    /// A value whose printing shows no address.
    fn printed(&mut self) -> String {
        loop {
            let value = anything(self.random);
            if !["emver", "Capabilities", ".Files", "Date", "include", ".Subcharts"]
                .iter()
                .any(|word| value.contains(word))
            {
                return value;
            }
        }
    }

    fn operand(&mut self) -> String {
        match self.random.below(24) {
            0..=5 => anything(self.random),
            6..=9 => self.variable(),
            10 => {
                let name = self.variable();
                let field = self.random.pick(&["a", "Values.s", "b.c", "nope.nope", "k"]);
                format!("{name}.{field}")
            }
            11..=13 => self.random.of("fields").to_owned(),
            14 => self.random.of("methods").to_owned(),
            15..=16 if self.depth < 5 => {
                self.depth += 1;
                let inner = self.pipeline();
                self.depth -= 1;
                format!("({inner})")
            }
            17 => {
                let base = self.random.pick(&[
                    "(dict \"a\" (dict \"b\" 1))",
                    "(list 1)",
                    "(1)",
                    "(\"s\")",
                    "(nil)",
                    "(.Values.map)",
                    "($)",
                ]);
                let field = self.random.pick(&[".a", ".a.b", ".x", ".b.c"]);
                format!("{base}{field}")
            }
            18..=20 => self.random.of("literals").to_owned(),
            _ => self.random.pick(&["1", "\"x\"", ".Values.num", ".Values.s"]).to_owned(),
        }
    }
}
