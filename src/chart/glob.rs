//! Globs of `.Files.Glob`.
//!
//! Counterpart: gobwas/glob 0.2.3 with `/` as separator, as Helm 4.3.1 uses it: `*` and `?` stay within a path segment, `**` crosses
//! them, `[abc]`, `[a-z]`, `[!a]`, `{a,b}` and `\` escapes. `**/x` does not match `x` at the top. Not imitated: gobwas misses some
//! matches where a star stands for nothing beside braces (`a{*.yaml,b}` on `a.yaml`).
//!
//! **Invariant:** matching takes time in proportion to pattern times path, never more.

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Glob {
    states: Vec<State>,
}

/// A step of the automaton; steps lead to the next one unless they say otherwise.
#[derive(Clone, Debug)]
enum State {
    Literal(char),
    /// One letter but `/`.
    Any,
    Class {
        negated: bool,
        set: Set,
    },
    /// Stay here over any letter but `/` (or any at all), or go on.
    Repeat {
        crosses: bool,
    },
    /// Go on at each of these states.
    Split(Vec<usize>),
    Jump(usize),
}

#[derive(Clone, Debug)]
enum Set {
    Letters(Vec<char>),
    Range(char, char),
}

impl Glob {
    /// Compiles a pattern; `None` if gobwas refuses it, which `.Files.Glob` takes for `**`.
    pub fn parse(pattern: &str) -> Option<Self> {
        let mut compiler = Compiler { letters: pattern.chars().peekable(), states: Vec::new() };
        compiler.sequence(0)?;
        Some(Self { states: compiler.states })
    }

    /// Whether the whole path matches.
    pub fn matches(&self, path: &str) -> bool {
        let mut current = vec![false; self.states.len() + 1];
        self.enter(0, &mut current);
        for letter in path.chars() {
            let mut next = vec![false; self.states.len() + 1];
            for (index, state) in self.states.iter().enumerate() {
                if !current.get(index).copied().unwrap_or_default() {
                    continue;
                }
                match state {
                    State::Repeat { crosses } if *crosses || letter != '/' => self.enter(index, &mut next),
                    state if state.admits(letter) => self.enter(index + 1, &mut next),
                    _ => {}
                }
            }
            current = next;
        }
        current.last().copied().unwrap_or_default()
    }

    /// Marks a state and those that are reached from it without a letter.
    fn enter(&self, index: usize, marked: &mut [bool]) {
        let mut pending = vec![index];
        while let Some(index) = pending.pop() {
            match marked.get_mut(index) {
                Some(mark) if !*mark => *mark = true,
                _ => continue,
            }
            match self.states.get(index) {
                Some(State::Repeat { .. }) => pending.push(index + 1),
                Some(State::Split(targets)) => pending.extend(targets),
                Some(State::Jump(target)) => pending.push(*target),
                _ => {}
            }
        }
    }
}

impl State {
    fn admits(&self, letter: char) -> bool {
        match self {
            Self::Literal(literal) => *literal == letter,
            Self::Any => letter != '/',
            Self::Class { negated, set } => set.contains(letter) != *negated,
            Self::Repeat { .. } | Self::Split(_) | Self::Jump(_) => false,
        }
    }
}

impl Set {
    fn contains(&self, letter: char) -> bool {
        match self {
            Self::Letters(letters) => letters.contains(&letter),
            Self::Range(low, high) => (*low..=*high).contains(&letter),
        }
    }
}

/// What ended a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Comma,
    Brace,
    Pattern,
}

/// How deep braces may be nested.
const MAX_NESTING: usize = 32;

struct Compiler<'a> {
    letters: std::iter::Peekable<std::str::Chars<'a>>,
    states: Vec<State>,
}

impl Compiler<'_> {
    /// Compiles up to the end or, inside braces, up to the comma or brace that ends an alternative.
    /// Braces left open are closed by the end, and a backslash at the end is dropped, as in gobwas.
    fn sequence(&mut self, depth: usize) -> Option<End> {
        while let Some(letter) = self.letters.next() {
            match letter {
                '*' => {
                    let crosses = self.letters.next_if_eq(&'*').is_some();
                    self.states.push(State::Repeat { crosses });
                }
                '?' => self.states.push(State::Any),
                '\\' => self.states.extend(self.letters.next().map(State::Literal)),
                '[' => {
                    let class = self.class()?;
                    self.states.push(class);
                }
                '{' => self.alternatives(depth + 1)?,
                ',' if depth > 0 => return Some(End::Comma),
                '}' if depth > 0 => return Some(End::Brace),
                letter => self.states.push(State::Literal(letter)),
            }
        }
        Some(End::Pattern)
    }

    fn alternatives(&mut self, depth: usize) -> Option<()> {
        if depth > MAX_NESTING {
            return None;
        }
        let split = self.states.len();
        self.states.push(State::Split(Vec::new()));
        let (mut starts, mut ends) = (Vec::new(), Vec::new());
        loop {
            starts.push(self.states.len());
            let end = self.sequence(depth)?;
            ends.push(self.states.len());
            self.states.push(State::Jump(0));
            if end != End::Comma {
                break;
            }
        }
        let after = self.states.len();
        for end in ends {
            *self.states.get_mut(end)? = State::Jump(after);
        }
        *self.states.get_mut(split)? = State::Split(starts);
        Some(())
    }

    /// A range is told by the hyphen in its second place; anywhere else a hyphen is a letter.
    fn class(&mut self) -> Option<State> {
        let negated = self.letters.next_if_eq(&'!').is_some();
        let mut ahead = self.letters.clone();
        if let (Some(low), Some('-')) = (ahead.next(), ahead.next()) {
            let high = ahead.next()?;
            let is_closed = ahead.next()? == ']';
            self.letters = ahead;
            return (is_closed && low <= high).then_some(State::Class { negated, set: Set::Range(low, high) });
        }
        let mut letters = Vec::new();
        loop {
            match self.letters.next()? {
                ']' => break,
                '\\' => letters.push(self.letters.next()?),
                letter => letters.push(letter),
            }
        }
        (!letters.is_empty()).then_some(State::Class { negated, set: Set::Letters(letters) })
    }
}
