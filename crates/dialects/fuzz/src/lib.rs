//! The trials of `../tests/trials`, for the fuzz targets.

#[expect(dead_code, reason = "the tests write seeds with it")]
#[path = "../../tests/trials/mod.rs"]
mod trials;

/// An answer to a payment.
pub fn judge_answer(bytes: &[u8]) {
    trials::judge_answer(bytes);
}

/// An answer to a check.
pub fn judge_check_answer(bytes: &[u8]) {
    trials::judge_check_answer(bytes);
}

/// A dialect's definition.
pub fn load_definition(bytes: &[u8]) {
    trials::load_definition(bytes);
}

/// A payment with arbitrary texts.
pub fn render_request(bytes: &[u8]) {
    trials::render_request(bytes);
}
