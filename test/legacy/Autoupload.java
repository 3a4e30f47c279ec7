// java Autoupload.java ADDRESS FILE: the form by the JDK's own client, the hash from the header.
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

class Autoupload {
    public static void main(String[] args) throws Exception {
        String boundary = "----" + Long.toHexString(System.nanoTime());
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        body.write(("--" + boundary + "\r\nContent-Disposition: form-data; name=\"torrent\"; filename=\"my.torrent\"\r\n"
                + "Content-Type: application/x-bittorrent\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
        body.write(Files.readAllBytes(Path.of(args[1])));
        body.write(("\r\n--" + boundary + "--\r\n").getBytes(StandardCharsets.US_ASCII));

        HttpURLConnection connection = (HttpURLConnection) new URL("http://" + args[0] + "/autoupload.php").openConnection();
        connection.setDoOutput(true);
        connection.setRequestProperty("Content-Type", "multipart/form-data; boundary=" + boundary);
        connection.getOutputStream().write(body.toByteArray());
        InputStream answer = connection.getInputStream();
        String hash = connection.getHeaderField("X-Torrage-Infohash");
        System.out.println(hash != null ? hash : new String(answer.readAllBytes(), StandardCharsets.UTF_8));
    }
}
