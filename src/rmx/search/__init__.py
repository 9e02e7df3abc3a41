"""Many runs for one question: proposing what to try, one fresh process for each, and a table of what became of them."""
