//! Every preset, with a token as its provider's documentation shows it: the rule to be recommended lets it in, `lint` has
//! nothing to say, and another project's token stays out. Real tokens cannot be had where daypass is built.
