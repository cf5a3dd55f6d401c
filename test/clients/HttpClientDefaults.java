import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.stream.Collectors;

/**
 * The JDK's HTTP client with its defaults: over plain HTTP each request offers an upgrade to h2c. Asks BASE three times
 * with KEY, each time for MODEL, and prints a line for each answer: protocol, status, body.
 */
public final class HttpClientDefaults {
  public static void main(String[] args) throws Exception {
    String base = args[0];
    String key = args[1];
    String body = "{\"model\":\"" + args[2] + "\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]%s}";
    HttpClient client = HttpClient.newHttpClient();
    HttpRequest.Builder chat = HttpRequest.newBuilder(URI.create(base + "/v1/chat/completions"))
        .header("authorization", "Bearer " + key).header("content-type", "application/json");

    HttpRequest list = HttpRequest.newBuilder(URI.create(base + "/v1/models"))
        .header("authorization", "Bearer " + key).build();
    print(client.send(list, BodyHandlers.ofString()));

    HttpRequest whole = chat.copy().POST(BodyPublishers.ofString(body.formatted(""))).build();
    print(client.send(whole, BodyHandlers.ofString()));

    HttpRequest streamed = chat.copy().POST(BodyPublishers.ofString(body.formatted(",\"stream\":true"))).build();
    HttpResponse<java.util.stream.Stream<String>> lines = client.send(streamed, BodyHandlers.ofLines());
    String events = lines.body().filter(line -> !line.isEmpty()).collect(Collectors.joining(" "));
    System.out.println(lines.version() + " " + lines.statusCode() + " " + events);
  }

  private static void print(HttpResponse<String> response) {
    System.out.println(response.version() + " " + response.statusCode() + " " + response.body().replace("\n", " "));
  }
}
