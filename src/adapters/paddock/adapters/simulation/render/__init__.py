"""What a person sees of a simulation: tables (`terminal`), data (`data`) and a page (`page`), all from `Outcome`s.

Every figure is computed in `tables` and told in `words`, once, so that terminal and page agree to the digit.
"""
