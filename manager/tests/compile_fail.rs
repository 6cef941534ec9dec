//! What does not compile, and what the author is told.
//!
//! Part of the wording is the compiler's and changes with it. `TRYBUILD=overwrite` accepts what the present one says.

#[test]
fn mistakes_are_explained() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
