"""The commands are the files without an ending; the packages are the code behind them."""
