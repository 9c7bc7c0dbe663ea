"""What a source description (`sources/<name>.toml`) may say.

loading         one description, read from its file
source          the source: its time zone, its currency, its feeds
feed            one kind of file and the table its rows become
shape           parts of a row, fields carried down, money that stands once per order
columns         where a canonical column comes from, and how it is written
rules           what rows are that meet conditions
conditions      what a rule asks of a column
lookup          reference files joined to the rows
section         what all of them share
checks          whether its words fit each other; engine_checks asks the engine
mistakes        what is wrong, in words; sentences for what pydantic finds, toml_lines for the line
toml_files      TOML that a person wrote, read and parsed; action files are read so too
"""
