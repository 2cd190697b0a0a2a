// Fiji macro: look at the polygon of each section over its image, and correct it.
// It asks for the folder of polygon_*.json files. For each it opens the image that the file names
// and shows the polygon; drag its corners, or draw another one, and press OK. The file is copied to
// the folder "backups" and then written again with the polygon, marked as reviewed. Without a
// selection the file is left as it is; Cancel or Esc ends.

folder = getDirectory("Folder of the polygon files");
names = getFileList(folder);
Array.sort(names);
backups = folder + "backups" + File.separator;
for (i = 0; i < names.length; i++) {
    if (endsWith(names[i], ".json") && !startsWith(names[i], "."))
        review(names[i]);
}

function review(name) {
    text = File.openAsRawString(folder + name, 100000000);
    if (indexOf(text, "\"roi\"") < 0)
        return;
    left = number(text, "minX"); right = number(text, "maxX");
    top = number(text, "minY"); bottom = number(text, "maxY");
    open(filepath(text));
    sx = getWidth() / (right - left);
    sy = getHeight() / (bottom - top);
    values = split(ring(text), "[], \t\n\r");
    corners = floor(values.length / 2) - 1; // the last repeats the first
    xs = newArray(corners);
    ys = newArray(corners);
    for (k = 0; k < corners; k++) {
        xs[k] = (parseFloat(values[2 * k]) - left) * sx;
        ys[k] = (parseFloat(values[2 * k + 1]) - top) * sy;
    }
    makeSelection("polygon", xs, ys);
    waitForUser(name, "Correct the polygon, then press OK.");
    if (selectionType() < 0) {
        print(name + ": no selection, left as it is");
    } else {
        Roi.getCoordinates(xs, ys);
        if (xs.length < 3)
            print(name + ": fewer than three corners, left as it is");
        else
            writePolygon(name, text, xs, ys, left, top, sx, sy);
    }
    close();
}

function writePolygon(name, text, xs, ys, left, top, sx, sy) {
    points = "";
    for (k = 0; k <= xs.length; k++) {
        c = k % xs.length;
        if (k > 0) points = points + ", ";
        points = points + "[" + d2s(xs[c] / sx + left, 4) + ", " + d2s(ys[c] / sy + top, 4) + "]";
    }
    start = roiStart(text);
    stop = objectEnd(text, start);
    roi = "{\"type\": \"Polygon\", \"coordinates\": [[" + points + "]]}";
    changed = substring(text, 0, start) + roi + substring(text, stop);
    if (matches(changed, "(?s).*\"reviewed\"\\s*:\\s*(true|false).*"))
        changed = replace(changed, "\"reviewed\"\\s*:\\s*(true|false)", "\"reviewed\": true");
    else
        changed = "{\"reviewed\": true, " + substring(changed, indexOf(changed, "{") + 1);
    if (!File.exists(backups)) File.makeDirectory(backups);
    copy = 1;
    stem = substring(name, 0, lengthOf(name) - 5);
    while (File.exists(backups + stem + "." + IJ.pad(copy, 3) + ".json")) copy++;
    File.copy(folder + name, backups + stem + "." + IJ.pad(copy, 3) + ".json");
    File.saveString(changed, folder + name);
}

function after(text, key) {
    at = indexOf(text, "\"" + key + "\"");
    if (at < 0) exit("a polygon file has no " + key);
    return indexOf(text, ":", at) + 1;
}

function number(text, key) {
    at = after(text, key);
    part = substring(text, at, minOf(at + 60, lengthOf(text)));
    words = split(part, ",} \t\n\r");
    return parseFloat(words[0]);
}

function filepath(text) {
    start = indexOf(text, "\"", after(text, "filepath")) + 1;
    path = substring(text, start, indexOf(text, "\"", start));
    path = replace(path, "\\\\/", "/");
    return replace(path, "\\\\\\\\", "\\\\");
}

function roiStart(text) {
    return indexOf(text, "{", after(text, "roi"));
}

function objectEnd(text, start) {
    depth = 0;
    for (k = start; k < lengthOf(text); k++) {
        c = substring(text, k, k + 1);
        if (c == "{") depth++;
        if (c == "}") {
            depth--;
            if (depth == 0) return k + 1;
        }
    }
    exit("a polygon file ends too early");
}

function ring(text) {
    roi = substring(text, roiStart(text), objectEnd(text, roiStart(text)));
    start = indexOf(roi, "[", after(roi, "coordinates") - 1);
    roi = substring(roi, start);
    // the first ring ends at the first "]" that follows another one
    compact = replace(roi, "[ \t\n\r]", "");
    stop = indexOf(compact, "]]");
    return substring(compact, 0, stop);
}
