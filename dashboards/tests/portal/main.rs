//! The portal as a merchant's browser sees it: the real pages over the real API and a real SQLite ledger.

mod acting;
mod entering;
mod framing;
mod harness;
mod reconciling;
mod seeing;
