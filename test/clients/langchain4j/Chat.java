import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.model.openai.OpenAiChatModel;
import dev.langchain4j.model.openai.OpenAiStreamingChatModel;
import java.util.concurrent.CompletableFuture;

/** LangChain4j with its default HTTP client, that of the JDK: one chat and one streamed chat; prints a line for each. */
public final class Chat {
  public static void main(String[] args) throws Exception {
    String base = args[0] + "/v1";
    OpenAiChatModel model =
        OpenAiChatModel.builder().baseUrl(base).apiKey(args[1]).modelName(args[2]).maxRetries(0).build();
    System.out.println(model.chat("hi"));

    CompletableFuture<String> answer = new CompletableFuture<>();
    StringBuilder pieces = new StringBuilder();
    OpenAiStreamingChatModel.builder().baseUrl(base).apiKey(args[1]).modelName(args[2]).build()
        .chat("hi", new StreamingChatResponseHandler() {
          @Override
          public void onPartialResponse(String piece) {
            pieces.append('[').append(piece).append(']');
          }

          @Override
          public void onCompleteResponse(ChatResponse response) {
            answer.complete(pieces + " " + response.tokenUsage().totalTokenCount());
          }

          @Override
          public void onError(Throwable error) {
            answer.completeExceptionally(error);
          }
        });
    System.out.println(answer.get());
  }
}
