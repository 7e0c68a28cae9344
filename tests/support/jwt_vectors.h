/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Keys and tokens by another hand, that of openssl. The host's clock is at 1700000000. */
#define KEY_RSA                                                                                    \
	"{\"kty\":\"RSA\",\"kid\":\"r\",\"n\":\"qIathMVylytYLpVDPKmOUv0rqFAedXgt09Ng96TSin"        \
	"ampdDzq0AQHSX73dSo9wC_w0KYW1Kbedcmvf_IgmyqQq20tMZeHFxbrH9Giif0PaWjNmTQ"                   \
	"EchhWWgUXBo9_pI-rwKp0OYq1pxiDzRAd6Jr8uwgcay1akRqls8b4JYyGosk8ZlljIY2nS"                   \
	"PgyqMauOnNljaBBxCFco6YE2wEhYv6CNBEsumr0Wvc85_1h32m9F5Rv-Ydf_KkWSGNNeIc"                   \
	"1iUXvtFMeE0Yl7IVEcn2FAy68y9u1u14GBzbrE-LW2pEgAo3cO35JPlaNJo-jWxXfbq80c"                   \
	"Y8P-JqvEVondxuMBKmhQ\",\"e\":\"AQAB\"}"
#define KEY_RSA1                                                                                   \
	"{\"kty\":\"RSA\",\"kid\":\"small\",\"n\":\"vbldT5zLBr3pk1hQ1rgX7-yRB2HS6jx1qo4kR-"        \
	"1tHwCroAvzkGe_CShQpZVO-cuAEBiJ0mpVMhuJudKag3F0WQB1hHjGy6ZXdg4mwP1WYqLK"                   \
	"hAt9x7M1hGSXL6-ughaOdA09PjBdnF8QAQn33IsLn62LQrcbILZ9rbTJ-JQlkyU\",\"e\":\""               \
	"AQAB\"}"
#define KEY_EC                                                                                     \
	"{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"e\",\"use\":\"sig\",\"alg\":\"ES256\",\"x\":" \
	"\"h9v"                                                                                    \
	"bu8HJAkHKFeMDYbMk7TlBWH-4zftt6cMDSXJCH_Y\",\"y\":\"s0QS8JW509z4Vou2ZTB-DA3"               \
	"-ytyuGYq0NHxzFTzKIs0\"}"
#define KEY_ED                                                                                     \
	"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"d\",\"x\":\"YiqYNpxN2NoznLFL720uqcNOnS"    \
	"3dOBHgUhnloFfZqlg\"}"
#define KEY_OCT                                                                                    \
	"{\"kty\":\"oct\",\"kid\":\"h\",\"k\":\"YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcywgb2"        \
	"sh\"}"
#define TOKEN_RS256                                                                                \
	"eyJhbGciOiJSUzI1NiIsImtpZCI6InIifQ.eyJzdWIiOiJhbGljZSIsImV4cCI6MTcwMDAwMDYwMH0.G"         \
	"XyUeS--0e5VxMWNfZf2j-rmJBe1AyPG50OUc5Q40RPOWgBUVR8SDTMOQVU5ZSSgcqiz2gkIW2kcsUHyu"         \
	"FVqz8Sn78yS72cBkI4ZS25yxSLNhcRlolD9yY-6_hAa6U5yDHDQcd-azuSkycZIPCi1-42wbHQ4XzB2V"         \
	"TEcXvDTBjFj61dZQF6DD0D68XiHIRedqHj_NYCKFP03tUE14phObgvIYBoNHzMu7FQiEcv421qqc0_Uh"         \
	"cA9lJq81UhXoBT01Sruze6nRhvMTYW4xo3Sca-TzAkRXTg88n1nTn_D7yxydGoIZsUFEs0vaespSX2rL"         \
	"HVkcAQoBgL_A3d9PFoBPg"
#define TOKEN_ES256                                                                                \
	"eyJhbGciOiJFUzI1NiIsImtpZCI6ImUifQ.eyJzdWIiOiJhbGljZSIsImV4cCI6MTcwMDAwMDYwMH0.X"         \
	"P2XEMcXQIM8LfOZqDHy_2IQ_OOaDBPkLXRz1a0EEkuZr0WhwpzsC19Axk2eSGSb58BWWNvDMMMTKPXnu"         \
	"vPvZw"
#define TOKEN_EDDSA                                                                                \
	"eyJhbGciOiJFZERTQSIsImtpZCI6ImQifQ.eyJzdWIiOiJhbGljZSIsImV4cCI6MTcwMDAwMDYwMH0.Z"         \
	"EMV7FQ6LO46pPa8NgHmlDlVv6mpHb2vbYkBXjfTw6qac4KCFbkS5sZ5kZSSNDqR2P9LshhhRywtBSPMh"         \
	"Yf9Dw"
#define TOKEN_HS256                                                                                \
	"eyJhbGciOiJIUzI1NiIsImtpZCI6ImgifQ.eyJzdWIiOiJhbGljZSIsImV4cCI6MTcwMDAwMDYwMH0.R"         \
	"9cWXvK7SFmtWTT9KKXknPneIwICEWrFdvOKur-9pQY"
#define TOKEN_NO_KID                                                                               \
	"eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6MTcwMDAwMDYwMH0.5sgqR9wLSYnqNJv"         \
	"rLlg_FvtDdA57ghlioliatOCgDWeNGjO8fVgZ41S1DLsyXFlSWNYEsaunLuVXITMdaaA1AA"
#define TOKEN_OTHER_KID                                                                            \
	"eyJhbGciOiJFZERTQSIsImtpZCI6IngifQ.eyJzdWIiOiJhbGljZSIsImV4cCI6MTcwMDAwMDYwMH0.L"         \
	"lzvdaou1mac-pEf185-6YjJes0kKEjqZLdN3Qj21jhY9j63bKu6frMdWBtWvgl_Evb0DcEY4qNJ3E4pO"         \
	"c_eAA"
#define TOKEN_KID_OF_EC                                                                            \
	"eyJhbGciOiJFZERTQSIsImtpZCI6ImUifQ.eyJzdWIiOiJhbGljZSIsImV4cCI6MTcwMDAwMDYwMH0.3"         \
	"sUDzCQETKtteSn2EBR6Ac2fYYYE9r8nvllI-zt79uaI1NCGGo8WYiw6VEkzUOZgPnsp86l6Ppa9BDXCS"         \
	"whLBQ"
#define TOKEN_SMALL_RSA                                                                            \
	"eyJhbGciOiJSUzI1NiIsImtpZCI6InNtYWxsIn0.eyJzdWIiOiJhbGljZSIsImV4cCI6MTcwMDAwMDYw"         \
	"MH0.U0GdsIOefv4iVxMirXmb9VxkAcVVkwBwHJhiquz853fqvoGHxQjn1RbHndx9ebPLg9J45hyh767h"         \
	"UC-_4CzMKXrn9OiLqKBvmSODQWVAKtouECGw6uGJCYnt2wvdE5c3CxeqAjnRlv7Sc2EQIfIU1EVkdw3F"         \
	"tYYKpAqD4tIn8OI"
#define TOKEN_CONFUSED                                                                             \
	"eyJhbGciOiJIUzI1NiIsImtpZCI6InIifQ.eyJzdWIiOiJhbGljZSIsImV4cCI6MTcwMDAwMDYwMH0.X"         \
	"NjGLmCxP-Z-7eBiR6993N12_KFnW_63w1sXUoADAyg"
#define TOKEN_CRIT                                                                                 \
	"eyJhbGciOiJFZERTQSIsImtpZCI6ImQiLCJjcml0IjpbIngiXX0.eyJzdWIiOiJhbGljZSIsImV4cCI6"         \
	"MTcwMDAwMDYwMH0.FGNe5sU5Cbq9qpM-EMnNx1BxQIjq6-qNAcgP5YJXjAJZG0e1zpV5JE-fCOBnauQe"         \
	"GD8oyWZLA_DpP1oXJd-LBg"
#define TOKEN_NONE "eyJhbGciOiJub25lIn0.eyJzdWIiOiAiYWxpY2UiLCAiZXhwIjogMTcwMDAwMDYwMH0."
#define TOKEN_LIMITS                                                                               \
	"eyJhbGciOiJFZERTQSIsImtpZCI6ImQifQ.eyJzdWIiOiJhbGljZSIsImV4cCI6MTcwMDAwMDYwMCwib"         \
	"WF4X2FsbG9jYXRpb25zIjoyLCJtYXhfYml0c19wZXJfcyI6MTAwMDAwMCwibWF4X3BhY2tldHNfcGVyX"         \
	"3MiOjUwMCwibWF4X2xpZmV0aW1lX3MiOjMwMH0.q-1wEteJGFU1Vj2jZ8TKcoy9JTxr_Lj-Tw3DZQaKy"         \
	"Hu_3H6YJyc_C7hso2IS9nBbFkK8gC-FqAyvhQcJzR9xBg"
#define TOKEN_BAD_LIMIT                                                                            \
	"eyJhbGciOiJFZERTQSIsImtpZCI6ImQifQ.eyJzdWIiOiJhbGljZSIsImV4cCI6MTcwMDAwMDYwMCwib"         \
	"WF4X2FsbG9jYXRpb25zIjotMX0.tWBkeBEXcqga5XnKHpPNnhPbJccPRfG0OeTNgZrgYBmlKuGA2T2SZ"         \
	"5AqUi7ktJsQJPqm3U5XKxs0IE0Estg2AA"
#define TOKEN_ISSUER                                                                               \
	"eyJhbGciOiJFZERTQSIsImtpZCI6ImQifQ.eyJzdWIiOiJhbGljZSIsImV4cCI6MTcwMDAwMDYwMCwia"         \
	"XNzIjoiaHR0cHM6Ly9hLmV4YW1wbGUub3JnIiwiYXVkIjoidHVybiJ9.kiDtjzXnfFJCoLn0MvXHghsl"         \
	"3xM22jLuRm0nvMt5eknOfF4Nd2zPX2Z7XzNFzS_PHdD3BJslOVNFWTqGMnSEDA"
#define TOKEN_AUDIENCES                                                                            \
	"eyJhbGciOiJFZERTQSIsImtpZCI6ImQifQ.eyJzdWIiOiJhbGljZSIsImV4cCI6MTcwMDAwMDYwMCwia"         \
	"XNzIjoiaHR0cHM6Ly9hLmV4YW1wbGUub3JnIiwiYXVkIjpbIndlYiIsInR1cm4iXX0.sxyKfeXX0-qXv"         \
	"6AC-9tDUYe29Ljliz8mcR9VbDky4C1ZT_GH6N_KSKW2giJUjbJAIgEMKeUqRCt2fHOe95rSCw"
#define TOKEN_OTHER_AUDIENCE                                                                       \
	"eyJhbGciOiJFZERTQSIsImtpZCI6ImQifQ.eyJzdWIiOiJhbGljZSIsImV4cCI6MTcwMDAwMDYwMCwia"         \
	"XNzIjoiaHR0cHM6Ly9hLmV4YW1wbGUub3JnIiwiYXVkIjpbIndlYiJdfQ.eVCsFnYPuxfP8JUgMO3X-X"         \
	"UiALmLAfyUbAIWy5GXvkP8MlME6H4NHiyUpiReDW_QvWCKBbDFOtno3-omodY2Dw"
#define TOKEN_NO_EXP                                                                               \
	"eyJhbGciOiJFZERTQSIsImtpZCI6ImQifQ.eyJzdWIiOiJhbGljZSJ9.pSWzzJSgb4OzSLtM9oBZhr5z"         \
	"P22Wv8vOaaAGxgr648n847I8dHVP2-gH4IT2JtROCwW2ZqQWFGR3_StB4zSSAA"
#define TOKEN_EXP_TEXT                                                                             \
	"eyJhbGciOiJFZERTQSIsImtpZCI6ImQifQ.eyJzdWIiOiJhbGljZSIsImV4cCI6IjE3MDAwMDA2MDAif"         \
	"Q.lniPW1h0ve6pnEddunXWqXbZ21yuFbc6oN2MDhADJJv_fskCEWtHISZb6yw3a3OMyZp57EwIBEyDNY"         \
	"O5BejADA"
#define TOKEN_EXP_HUGE                                                                             \
	"eyJhbGciOiJFZERTQSIsImtpZCI6ImQifQ.eyJzdWIiOiJhbGljZSIsImV4cCI6OTIyMzM3MjAzNjg1N"         \
	"Dc3NTgwN30.s0L_dnt8UaMVkH72FkPPl7B6ZniJ8axNl5pZEsziSX-PEtybULozowai00x8Kp4r_WQT1"         \
	"BzzyN6q21eb-acDCA"
#define TOKEN_EXP_NEGATIVE                                                                         \
	"eyJhbGciOiJFZERTQSIsImtpZCI6ImQifQ.eyJzdWIiOiJhbGljZSIsImV4cCI6LTkyMjMzNzIwMzY4N"         \
	"TQ3NzU4MDh9.hgIaKIpaiOQ7wyju_C6isO6lnX57H-5o7sSnyL4ZwHnG6WsIGI2cKdafVy0feuZLNjz8"         \
	"iMiO9z4W5mfYLzvsAA"
#define TOKEN_EXP_REAL                                                                             \
	"eyJhbGciOiJFZERTQSIsImtpZCI6ImQifQ.eyJzdWIiOiJhbGljZSIsImV4cCI6MTcwMDAwMDYwMC41f"         \
	"Q.5g9tBa8OhASkMMUrVYc38rg2u0TQQLc8d5SEUvxUHGpxihauzUc2TCJh8u2ibWOwtMAPuB0_sIOYfQ"         \
	"L4oiHyBg"
#define TOKEN_NBF                                                                                  \
	"eyJhbGciOiJFZERTQSIsImtpZCI6ImQifQ.eyJzdWIiOiJhbGljZSIsImV4cCI6MTcwMDAwMDYwMCwib"         \
	"mJmIjoxNzAwMDAwMTAwfQ.6CKbU_KUzh0CV70lwgFcnk9CQ84pfS35bCffST3C3fN5AgQJM4gSRJAtiQ"         \
	"9hhrlx_8wx_hRgGR90k4P0fUjWDg"
#define TOKEN_NO_SUB                                                                               \
	"eyJhbGciOiJFZERTQSIsImtpZCI6ImQifQ.eyJleHAiOjE3MDAwMDA2MDB9.Q1YBpb1TnCF6kb1eDxlO"         \
	"h8tjCjkRcDmVLaw2z1IIXrl6b996FBqI3f2Us4r_SBW8fWYnnp9-EphUzT9-VJ9NBw"
#define TOKEN_SUB_CONTROL                                                                          \
	"eyJhbGciOiJFZERTQSIsImtpZCI6ImQifQ.eyJleHAiOjE3MDAwMDA2MDAsInN1YiI6ImFcbmIifQ.Lh"         \
	"jqI0jM1RTkMfcNPXmt5_GKKLECq5taeZEWp4CDSD0COTilqlLazlfQ4TX66mh7Gdv6ShalnwQhXEJust"         \
	"DvAg"
#define TOKEN_ARRAY                                                                                \
	"eyJhbGciOiJFZERTQSIsImtpZCI6ImQifQ.WzFd.omjSNTVo9YCX6Atj-thjQT6jzqOSGVuxXwzZKgAE"         \
	"Rk_5pJqnioZstAWsw3LKiSkymxjxBmp4L5c7bB2LbLRMBw"
#define TOKEN_TWICE                                                                                \
	"eyJhbGciOiJFZERTQSIsImtpZCI6ImQifQ.eyJzdWIiOiJhbGljZSIsImV4cCI6MTcwMDAwMDYwMCwic"         \
	"3ViIjoiYm9iIn0.946ZITgrdrgrSsji8hcRgmhExtf-IxvStkNdBnJaQoqApTLx5Cl0hEtObbj2JMndY"         \
	"rTmHFQtkhuP4MlkDpK6Bg"
#define SECRET "a password secret, long enough"
#define EDDSA_KEY_MD5 "2cf21424963306b1b87eebed8d5691db"
#define EDDSA_FIXED_KEY_MD5 "b83f53b1ce4732c06be9d26f04f1052e"
#define EDDSA_KEY_SHA256 "b1f9a02a5655c0a492013e4746fc8810930d3292d12ee00a93f9b1e265b5e3ea"
#define EDDSA_FIXED_KEY_SHA256 "4937c4898631d7e10df8c24f3444965ce8d6fc82d6900c3975cee644ad68a3b2"
