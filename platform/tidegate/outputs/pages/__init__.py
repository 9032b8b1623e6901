"""The pages: the brief of a day, the report of a week, their index, and the figures behind them."""
