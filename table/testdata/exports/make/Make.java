// Writes lists with Apache POI 5.3.0 into the folder that is given.
import java.io.FileOutputStream;
import java.nio.file.Path;
import org.apache.poi.hssf.usermodel.HSSFWorkbook;
import org.apache.poi.ss.usermodel.*;
import org.apache.poi.ss.util.CellRangeAddress;
import org.apache.poi.xssf.usermodel.XSSFWorkbook;

public class Make {
    public static void main(String[] args) throws Exception {
        try (Workbook book = new XSSFWorkbook(); var out = new FileOutputStream(Path.of(args[0], "poi.xlsx").toFile())) {
            Sheet sheet = book.createSheet("Users");
            sheet.createRow(0).createCell(0).setCellValue("Customers of our shop");
            sheet.addMergedRegion(new CellRangeAddress(0, 0, 0, 3));
            row(sheet, 1, "user_id", "name", "email", "phone", "team");
            row(sheet, 2, 1001.0, "Ann Lee", "ann@example.org", 4155550121.0, "North");
            row(sheet, 3, 1002.0, "Bob Ünal", "bob@example.org", 4155550122.0);
            sheet.addMergedRegion(new CellRangeAddress(2, 3, 4, 4));
            row(sheet, 4, 1003.0, "Cem Ak");
            sheet.getRow(4).createCell(2).setCellFormula("\"cem\"&\"@example.org\"");
            row(sheet, 5, 1004.0, "Dee Oh");
            sheet.getRow(5).createCell(2).setCellFormula("\"dee\"&\"@example.org\"");
            book.getCreationHelper().createFormulaEvaluator().evaluateFormulaCell(sheet.getRow(5).getCell(2));
            CellStyle plain = book.createCellStyle();
            plain.setDataFormat(book.createDataFormat().getFormat("0.00"));
            sheet.getRow(2).getCell(3).setCellStyle(plain);
            book.write(out);
        }
        // Cells as Cell.toString() gives them, which is how many programs write CSV.
        try (Workbook book = new HSSFWorkbook(); var out = new FileOutputStream(Path.of(args[0], "poi-tostring.csv").toFile())) {
            Sheet sheet = book.createSheet();
            row(sheet, 0, "user_id", "name", "email", "phone");
            row(sheet, 1, 1001.0, "Ann Lee", "ann@example.org", 4155550121.0);
            row(sheet, 2, 10000002.0, "Bob Ünal", "bob@example.org", 4155550120.0);
            var text = new StringBuilder();
            for (Row row : sheet) {
                var cells = new java.util.ArrayList<String>();
                for (Cell cell : row) cells.add(cell.toString());
                text.append(String.join(",", cells)).append("\n");
            }
            out.write(text.toString().getBytes("UTF-8"));
        }
        try (Workbook book = new HSSFWorkbook(); var out = new FileOutputStream(Path.of(args[0], "poi.xls").toFile())) {
            row(book.createSheet("Users"), 0, "email");
            book.write(out);
        }
    }

    static void row(Sheet sheet, int at, Object... values) {
        Row row = sheet.createRow(at);
        for (int i = 0; i < values.length; i++) {
            if (values[i] instanceof Double d) row.createCell(i).setCellValue(d);
            else row.createCell(i).setCellValue((String) values[i]);
        }
    }
}
