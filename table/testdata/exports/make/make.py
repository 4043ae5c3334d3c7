"""Writes lists with openpyxl 3.1.5, XlsxWriter 3.3.1 and pandas 3.1.1 into the folder that is given."""
import datetime, sys
from pathlib import Path

import openpyxl
import pandas
import xlsxwriter

out = Path(sys.argv[1])
when = datetime.datetime(2026, 11, 28)

book = openpyxl.Workbook()
book.properties.created = book.properties.modified = when
sheet = book.active
sheet.title = "Users"
sheet.append(["user_id", "name", "email", "phone", "since"])
sheet.append([1001, "Ann Lee", "ann@example.org", 4155550121, when.date()])
sheet.append([1002, "Bob Ünal", "Mail Bob", 4155550122, when.date()])
sheet.append([1003, "Cem Ak", '="cem"&"@example.org"', None, None])
for row, form in ((2, "0.00"), (3, "# ##0")):
    sheet.cell(row, 4).number_format = form
    sheet.cell(row, 1).number_format = "#,##0"
sheet["C3"].hyperlink = "mailto:bob@example.org"
sheet.row_dimensions[4].hidden = False
look = book.create_sheet("Teams")
look.append(["ID", "Team"])
look.append([1, "North"])
book.save(out / "openpyxl.xlsx")

book = xlsxwriter.Workbook(out / "xlsxwriter.xlsx")
book.set_properties({"created": when})
sheet = book.add_worksheet("Users")
sheet.write_row(0, 0, ["user_id", "first", "last", "name", "email"])
sheet.write_row(1, 0, ["u-1", "Ann", "Lee"])
sheet.write_formula(1, 3, '=B2&" "&C2')
sheet.write_string(1, 4, "ann@example.org")
sheet.write_row(2, 0, ["u-2", "Bob", "Ünal", "Bob Ünal"])
sheet.write_url(2, 4, "mailto:bob@example.org", string="write to him")
book.close()

people = pandas.DataFrame({"user_id": [1001, 1002, None], "name": ["Ann Lee", 'Bob "B" Ünal', "Cem Ak"],
                           "email": ["ann@example.org", "bob@example.org", "cem@example.org"], "phone": ["+4915112345671", None, "+4915112345673"]})
people.to_csv(out / "pandas.csv", index=False)
people.to_csv(out / "pandas-tab.tsv", sep="\t", index=False)
people.to_json(out / "pandas-records.json", orient="records")
people.to_json(out / "pandas-lines.jsonl", orient="records", lines=True)
people.to_json(out / "pandas-index.json", orient="index")
people.to_json(out / "pandas-columns.json")
merged = people.assign(team=["North", "North", "South"]).set_index(["team", "user_id"])
merged.to_excel(out / "pandas-merged.xlsx", sheet_name="Users")
