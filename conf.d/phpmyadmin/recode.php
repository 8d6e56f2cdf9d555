<?php
// An uploaded file in another character set becomes UTF-8 before phpMyAdmin
// sees it. phpMyAdmin converts what it reads in pieces of 32 KB and more, and
// breaks the character that lies across two of them.
declare(strict_types=1);

// Lines end where they seem to in each of the sets that config.inc.php offers:
// no byte of a longer character is a line feed.
(static function (): void {
    $charset = $_POST['charset_of_file'] ?? 'utf-8';
    $file = $_FILES['import_file']['tmp_name'] ?? '';
    if (
        ! is_string($charset) || ! is_string($file) || $file === ''
        || ! in_array($charset, OMAKASE_CHARSETS, true) || $charset === 'utf-8'
        || ! is_uploaded_file($file)
    ) {
        return;
    }

    $in = file_get_contents($file, false, null, 0, 4) === "PK\3\4"
        ? omakase_open_zip($file)
        : fopen('compress.zlib://' . $file, 'rb'); // what is not compressed, too
    $out = $in ? fopen($file . '.utf8', 'xb') : false;
    if (! $in || ! $out) {
        http_response_code(400);
        exit('The file cannot be read.');
    }

    $most = 16 * $_FILES['import_file']['size'] + (1 << 24);
    $bytes = 0;
    $named = false;
    $whole = true;
    while (($line = fgets($in)) !== false && $whole) {
        $line = mb_convert_encoding($line, 'UTF-8', $charset);
        // A dump says at its head what it is in: that was true of the file.
        if (! $named && preg_match("~\A(?:/\*!\d+ )?SET NAMES '?\w+'?\s*(?:\*/)?;\s*\z~", $line)) {
            $line = "SET NAMES utf8mb4;\n";
            $named = true;
        }

        $bytes += strlen($line);
        $whole = $bytes <= $most && fwrite($out, $line) === strlen($line);
    }

    $whole = $whole && feof($in) && fflush($out);
    fclose($in);
    fclose($out);
    // The name stays: PHP knows it as an upload, and removes it at the end.
    $whole = $whole && copy($file . '.utf8', $file);
    unlink($file . '.utf8');
    if (! $whole) {
        http_response_code(413);
        exit('The file is too large when it is unpacked, or the disk is full.');
    }

    $_POST['charset_of_file'] = $_REQUEST['charset_of_file'] = 'utf-8';
    $_FILES['import_file']['size'] = filesize($file);
})();

// The first file of an archive, as phpMyAdmin takes it.
function omakase_open_zip(string $file)
{
    $zip = new ZipArchive();

    return $zip->open($file) === true ? $zip->getStream((string) $zip->getNameIndex(0)) : false;
}
