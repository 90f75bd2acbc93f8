//! Programs that verify a notification of Standard Webhooks, in the languages that shops are written in. A test runs those
//! whose language is installed.

/// A program in one language.
pub(crate) struct Snippet {
    /// By which it is chosen in the address.
    pub(crate) code: &'static str,
    /// Its language.
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
}

pub(crate) const SNIPPETS: &[Snippet] = &[
    Snippet { code: "php", name: "PHP", text: include_str!("../../snippets/verify.php") },
    Snippet { code: "python", name: "Python", text: include_str!("../../snippets/verify.py") },
    Snippet { code: "javascript", name: "JavaScript", text: include_str!("../../snippets/verify.js") },
    Snippet { code: "java", name: "Java", text: include_str!("../../snippets/Verify.java") },
    Snippet { code: "csharp", name: "C#", text: include_str!("../../snippets/Verify.cs") },
    Snippet { code: "go", name: "Go", text: include_str!("../../snippets/verify.go") },
    Snippet { code: "ruby", name: "Ruby", text: include_str!("../../snippets/verify.rb") },
    Snippet { code: "rust", name: "Rust", text: include_str!("../../snippets/verify.rs") },
];
